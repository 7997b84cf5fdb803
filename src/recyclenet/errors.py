"""Errors that a person can act on. Each message is whole: what was expected, what came, what to do."""

from pathlib import Path


class RecycleNetError(Exception):
    """A mistake in the input or a limit of the machine. The command line prints it as one line, exit code 2."""


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
