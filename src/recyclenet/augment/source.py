"""The photos to augment with the split of each, decided before any copy is made."""

import os
from pathlib import Path

from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.data.splits import PhotoRecord, split_records
from recyclenet.data.trashnet import PHOTO_FOLDER, has_official_lists, read_official_split


def open_source(root: str | Path) -> tuple[PhotoFolder, str | None]:
    """A data folder, always split: copies of one photo in an unsplit folder would later land in different splits.

    TrashNet's photo folder alone takes the split of the lists beside it; other class folders the one that training
    on them would make. Nothing is written.

    Returns:
        The folder, and what was decided where it came without a split.

    Raises:
        RecycleNetError: as `open_photo_folder` and `read_official_split`.
    """
    folder = open_photo_folder(root)
    if folder.is_split:
        return folder, None
    above, name = os.path.split(os.path.realpath(folder.root))
    if name == PHOTO_FOLDER and has_official_lists(Path(above)):
        listed = {record.path: record.split for record in read_official_split(Path(above))}
        records = tuple(
            PhotoRecord(record.path, record.label, listed.get(f"{PHOTO_FOLDER}/{record.path}", record.split))
            for record in folder.records
        )
        return PhotoFolder(folder.root, records, is_split=True), f"the split of the lists in {above}"
    records = split_records((record.path, record.label) for record in folder.records)
    decided = "the split that training on it would make (70/13/17, seed 1234)"
    return PhotoFolder(folder.root, records, is_split=True), decided
