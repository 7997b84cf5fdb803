"""Names for pictures that are written for photos, which may be called alike in several folders."""

from pathlib import Path


class PictureNames:
    """Gives every photo a file name of its own; names that differ only in case count as the same.

    Args:
        taken: names without ending that other files of the folder have.
    """

    def __init__(self, *taken: str) -> None:
        self._used = set(taken)

    def name(self, photo: str, addition: str = "") -> str:
        """`photo`'s stem and `addition`, shortened (file names end at 255 bytes), with a number where it is taken."""
        name = stem = f"{Path(photo).stem[:40]}{addition}"
        number = 1
        while name.lower() in self._used:
            number += 1
            name = f"{stem}-{number}"
        self._used.add(name.lower())
        return f"{name}.png"
