"""Photos that cannot be read during a run: reported, left out from then on, and the end of the run if they are many."""

from collections.abc import Callable

from recyclenet.errors import PhotoError


class Unreadable:
    """The photos that a run leaves out.

    Once left out, a photo stays out, also after a resume: whether it could be read again must not decide where a run
    ends.

    Args:
        known: path below the data folder → reason; added to in place.
        share: of the photos that may be unreadable, in [0, 1].
        total: photos that the run reads.
        note: told of each new one.
    """

    def __init__(self, known: dict[str, str], share: float, total: int, note: Callable[[str], None]) -> None:
        self._known, self._share, self._total, self._note = known, share, total, note

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def add(self, name: str, error: PhotoError) -> None:
        """Takes note of a photo that could not be read.

        Raises:
            PhotoError: it is one too many.
        """
        if name in self._known:
            return
        self._known[name] = error.reason
        allowed = int(self._share * self._total)
        if len(self._known) <= allowed:
            self._note(f"left out: {error} ({len(self._known)} of {allowed} that may be)")
            return
        others = f"; {len(self._known) - 1} others could not be read before" if allowed else ""
        raise PhotoError(
            error.path,
            f"{error.reason}{others}. Of {self._total} photos {allowed} may be unreadable (max_unreadable = "
            f"{self._share:g}): repair or remove this one, or raise the limit with --set max_unreadable=…",
        )
