from dataclasses import replace

import pytest

from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.data.inventory import inventory_changes, write_inventory
from tests.conftest import COLOURS, save_photo


@pytest.fixture
def listed(class_folders, tmp_path):
    """The list, and the folder as it was then."""
    folder = split_photo_folder(class_folders)
    write_inventory(tmp_path / "photos.csv", folder)
    return tmp_path / "photos.csv", folder


def test_nothing_changed(listed):
    path, folder = listed
    assert inventory_changes(path, folder) == []
    assert len(path.read_text().splitlines()) == 1 + 60


def test_every_kind_of_change_is_said(listed, rng):
    path, folder = listed
    root, records = folder.root, list(folder.records)
    photo = root / records[3].path
    photo.write_bytes(photo.read_bytes() + b" ")
    save_photo(root / "glass" / "new.jpg", COLOURS["glass"], rng)
    other = replace(records[5], split="val" if records[5].split != "val" else "test")
    labelled = replace(records[6], label="paper")
    new = replace(records[0], path="glass/new.jpg")
    now = replace(folder, records=(*records[:5], other, labelled, *records[8:], new))
    assert inventory_changes(path, now) == [
        "1 are new (first: glass/new.jpg)",
        f"1 are gone (first: {records[7].path})",
        f"1 have another label (first: {records[6].path})",
        f"1 are in another split (first: {records[5].path})",
        f"1 have another size (first: {records[3].path})",
    ]
    assert "size" not in str(inventory_changes(path, now, ignore={records[3].path}))


def test_names_of_any_kind(class_folders, tmp_path):
    odd = class_folders / "glass" / 'a,"b"\n\udcff.jpg'
    (class_folders / "glass" / "glass0.jpg").rename(odd)
    folder = open_photo_folder(class_folders)
    write_inventory(tmp_path / "photos.csv", folder)
    assert inventory_changes(tmp_path / "photos.csv", folder) == []


@pytest.mark.parametrize("text", [None, "", "path,label\na,b\n", "\0"])
def test_a_list_that_is_of_no_use(listed, text):
    path, folder = listed
    path.unlink() if text is None else path.write_text(text)
    assert "no readable photos.csv" in inventory_changes(path, folder)[0]
