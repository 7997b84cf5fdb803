from pathlib import Path

import pytest

from recyclenet.data.trashnet import PHOTO_FOLDER, SPLIT_LISTS
from recyclenet.labels import TRASHNET_CLASSES
from tests.webcam.screen import display, press

__all__ = ["display", "press", "root_dir"]


@pytest.fixture(scope="session")
def root_dir(trashnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original's `root_dir` in small: the first photo of each class from each of TrashNet's lists."""
    root = tmp_path_factory.mktemp("data")
    for name in SPLIT_LISTS.values():
        lines = (trashnet / name).read_text().splitlines()
        kept = [next(line for line in lines if line.endswith(f" {number}")) for number in range(1, 7)]
        (root / name).write_text("\n".join(kept) + "\n")
        for file, number in (line.split() for line in kept):
            path = Path(PHOTO_FOLDER, TRASHNET_CLASSES[int(number) - 1], file)
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(trashnet / path)
    return root
