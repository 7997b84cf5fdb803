"""Photos that were answered wrongly, kept with their right class as a folder that `recyclenet train --data` takes.

A photo is decoded and written anew as a JPEG of its pixels, not kept as the bytes that came: where it was taken and
by whom (EXIF), hidden files behind the picture and formats that others cannot read do not get onto the disk.
"""

import hashlib
import io
import threading
from pathlib import Path

from PIL import Image

from recyclenet.atomic import make_folder, write_bytes
from recyclenet.data.folder import find_photos
from recyclenet.errors import RecycleNetError
from recyclenet.serve.limits import MIB
from recyclenet.serve.problems import Problem

_SPLITS = {"train", "val", "valid", "validation", "test"}


class FeedbackStore:
    """A folder with a folder for each class in it, `CLASS/SHA-256.jpg`. Safe to share between threads.

    Attributes:
        classes: as given.
        kept_side: a photo's shorter side is made this long if it is longer: four times what models look at.

    Args:
        folder: made if it is not there.
        classes: of the model; the only ones that photos can have.
        max_bytes: of all photos in the folder, those that are there already included.

    Raises:
        RecycleNetError: a folder that cannot be written, or a class that no data folder could have.
    """

    kept_side = 1024

    def __init__(self, folder: Path, classes: tuple[str, ...], max_bytes: int) -> None:
        for name in classes:
            _check_folder_name(name)
        self._folder = make_folder(folder)
        self.classes = classes
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes = sum(path.stat().st_size for path in find_photos(self._folder))

    def save(self, label: str, photo: Image.Image) -> str:
        """Keeps a photo (RGB, upright) as one of a class; the last word counts where it was kept as another one.

        Returns:
            The SHA-256 of the file's bytes, which is also its name.

        Raises:
            Problem: 422 for a class that the model does not have, 507 where the folder is full.
        """
        if label not in self.classes:
            raise Problem(422, f"label must be one of {', '.join(self.classes)}")
        data = _encoded(photo, self.kept_side)
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            target = self._folder / label / f"{digest}.jpg"
            others = [self._folder / name / target.name for name in self.classes if name != label]
            moved = [path for path in others if path.is_file()]
            if not target.exists():
                if self._bytes + len(data) > self._max_bytes and not moved:
                    raise Problem(507, f"the feedback folder has its {self._max_bytes / MIB:.0f} MiB")
                write_bytes(target, data)
                self._bytes += len(data)
            for path in moved:
                path.unlink()
                self._bytes -= len(data)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()  # a class folder without photos is an error to who trains on it
        return digest


def _encoded(photo: Image.Image, most: int) -> bytes:
    scale = most / min(photo.size)
    if scale < 1:
        photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS)
    plain = Image.new("RGB", photo.size)  # without the notes that a picture carries along
    plain.paste(photo)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def _check_folder_name(name: str) -> None:
    """Classes come from a model file, which may be a stranger's."""
    if name.startswith((".", "__")) or name.lower() in _SPLITS or any(mark in name for mark in '/\\:*?"<>|'):
        raise RecycleNetError(f"--feedback keeps photos in a folder for each class, and {name!r} cannot be one")
