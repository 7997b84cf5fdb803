"""Errors that a person can act on. Each message is whole: what was expected, what came, what to do."""

from pathlib import Path

_MOST_CHARACTERS = 3000


class RecycleNetError(Exception):
    """A mistake in the input or a limit of the machine. The command line prints it as one line, exit code 2.

    Whatever a message quotes, it is one line that a terminal shows as it is: control characters, line breaks and marks
    that turn the direction of writing are escaped, and of a very long one the middle is left out.
    """

    def __init__(self, message: str) -> None:
        if len(message) > _MOST_CHARACTERS:
            message = f"{message[: 2 * _MOST_CHARACTERS // 3]} … {message[-_MOST_CHARACTERS // 3 :]}"
        super().__init__("".join(map(_shown, message)))


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def first_line(error: BaseException, most: int = 120) -> str:
    """What another library's error says, short enough for a table: its first line with anything in it, or its kind."""
    lines = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:most]


class PhotoError(RecycleNetError):
    """One photo that cannot be used; `path` names it and `reason` says why.

    Raised for each photo alone so that a caller with many photos can report it and go on.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[str, str]]:
        # The default would rebuild from the joined message; errors also cross worker processes.
        return PhotoError, (self.path, self.reason)


class MissingExtraError(RecycleNetError):
    """A command needs an optional group of dependencies that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the '{extra}' extra: pip install 'recyclenet[{extra}]'")
        self.extra = extra
