import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit.findings import COLUMNS, KINDS, SERIOUS, Finding, to_csv
from recyclenet.data.audit.job import Audit, audit, duplicate_groups
from recyclenet.data.audit.report import to_html, to_markdown, to_table, write_audit
from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.data.splits import PhotoRecord
from tests.conftest import save_photo


def found(kind: str, result: Audit) -> list[tuple[str, str]]:
    return [(item.photo, item.other) for item in result.of_kind(kind)]


@pytest.fixture
def troubled(class_folders: Path) -> PhotoFolder:
    """60 photos of noise in three classes, split, with one trouble of each kind."""
    data = (class_folders / "glass" / "glass0.jpg").read_bytes()
    (class_folders / "metal" / "copy.jpg").write_bytes(data)  # two labels
    (class_folders / "glass" / "again.jpg").write_bytes(data)  # same label, same split
    (class_folders / "paper" / "broken.jpg").write_bytes(data[:300])
    with Image.open(class_folders / "paper" / "paper0.jpg") as photo:
        photo.transpose(Image.Transpose.ROTATE_180).save(class_folders / "paper" / "turned.png")  # in test
    records = [
        PhotoRecord(record.path, record.label, "test" if "turned" in record.path or "copy" in record.path else "train")
        for record in open_photo_folder(class_folders).records
    ]
    return PhotoFolder(class_folders, tuple(records), is_split=True)


def test_each_trouble_is_found_and_nothing_else(troubled) -> None:
    seen = []
    result = audit(troubled, None, on_progress=lambda *step: seen.append(step))
    assert found("conflict", result) == [("metal/copy.jpg", "glass/again.jpg")]
    assert found("duplicate", result) == [("glass/glass0.jpg", "glass/again.jpg")]
    assert {frozenset(pair) for pair in found("leak", result)} == {frozenset(("paper/turned.png", "paper/paper0.jpg"))}
    assert found("unreadable", result) == [("paper/broken.jpg", "")]
    assert {kind for kind in KINDS if result.of_kind(kind)} == {
        "conflict",
        "duplicate",
        "leak",
        "unreadable",
        "imbalance",
    }
    (leak,) = result.of_kind("leak")
    assert "turned by 180°" in leak.reason
    assert "test" in leak.reason
    (conflict,) = result.of_kind("conflict")
    assert (conflict.label, conflict.other_label, conflict.split, conflict.other_split) == (
        "metal",
        "glass",
        "test",
        "train",
    )
    assert conflict.reason == "the same bytes, but labelled metal and glass, in test and in train"
    assert result.is_serious
    assert (result.readable, len(troubled.records)) == (63, 64)
    assert result.groups["metal/copy.jpg"] == result.groups["glass/glass0.jpg"] == "glass/again.jpg"
    assert duplicate_groups(troubled) == result.groups
    assert ("looking at photos", 64, 64) in seen
    assert [finding.kind for finding in result.findings] == sorted(
        (finding.kind for finding in result.findings), key=list(KINDS).index
    )


def test_nothing_is_wrong_with_the_innocent(class_folders) -> None:
    result = audit(open_photo_folder(class_folders), None)
    assert result.findings == ()
    assert not result.is_serious
    assert result.groups == {}


def test_without_a_split_nothing_leaks(troubled) -> None:
    bare = PhotoFolder(troubled.root, tuple(PhotoRecord(r.path, r.label, "train") for r in troubled.records), False)
    result = audit(bare, None)
    assert found("leak", result) == []
    assert len(found("duplicate", result)) == 2
    assert all((item.split, item.other_split) == ("", "") for item in result.findings)


def test_a_copy_that_holds_every_photo_twice(class_folders) -> None:
    for photo in list(class_folders.rglob("*.jpg")):
        photo.with_name(f"{photo.stem}-2.jpg").write_bytes(photo.read_bytes())
    (class_folders / "glass" / "glass0.jpg").unlink()  # all but one
    result = audit(open_photo_folder(class_folders), None)
    (finding,) = result.of_kind("held-twice")
    assert finding.reason.startswith("118 of 119 photos have a twin")
    assert finding.is_serious
    assert finding.reason in to_markdown(result)


def test_imbalance_by_hand(tmp_path: Path, rng) -> None:
    counts = {("can", "train"): 6, ("bag", "train"): 2, ("can", "val"): 2, ("bag", "val"): 1, ("can", "test"): 1}
    records = []
    for (label, split), count in counts.items():
        for i in range(count):
            path = f"{split}/{label}/{i}.png"
            save_photo(tmp_path / path, (90, 90, 90), rng)
            records.append(PhotoRecord(path, label, split))
    result = audit(PhotoFolder(tmp_path, tuple(records), is_split=True), None)
    assert [(item.split, item.reason) for item in result.findings] == [
        ("train", "6 photos of can, 2 of bag in train: 3.0 to 1"),
        ("test", "no photo of bag in test"),
    ]


def test_files_written(troubled, tmp_path: Path) -> None:
    result = audit(troubled, None)
    files = write_audit(result, tmp_path / "report")
    assert [file.name for file in files] == ["findings.csv", "audit.json", "audit.md", "audit.html"]
    rows = list(csv.DictReader(io.StringIO(files[0].read_text(encoding="utf-8"))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["kind"] == "conflict"
    assert rows[0]["score"] == "1.0000"
    assert len(rows) == len(result.findings)
    table = json.loads(files[1].read_text(encoding="utf-8"))
    assert table == json.loads(json.dumps(to_table(result)))
    assert table["found"]["leak"] == 1
    assert table["across_splits"] == 2  # the conflict crosses too
    first = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in write_audit(audit(troubled, None), tmp_path / "again")] == first
    page = files[3].read_text(encoding="utf-8")
    assert page.count("<figure>") == 4
    assert page.count("data:image/jpeg;base64,") == 6  # three pairs; what cannot be read has no picture
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_hostile_names_stay_text(tmp_path: Path, rng) -> None:
    name = "<script>alert('x')|\"&.png"
    for label in ("<b>can", "bag"):
        save_photo(tmp_path / label / "1.png", (90, 90, 90), rng)
    data = (tmp_path / "bag" / "1.png").read_bytes()
    (tmp_path / "<b>can" / name).write_bytes(data)
    (tmp_path / "bag" / "cut.png").write_bytes(data[:200])
    result = audit(open_photo_folder(tmp_path), None)
    assert len(result.of_kind("conflict")) == 1
    page = to_html(result)
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)|&quot;&amp;.png" in page
    row = next(line for line in to_markdown(result).splitlines() if "alert" in line)
    assert "alert('x')\\|" in row
    rows = list(csv.DictReader(io.StringIO(to_csv(result.findings))))
    assert f"<b>can/{name}" in (rows[0]["photo"], rows[0]["other"])


def test_labels_are_checked_with_the_bundled_model(troubled) -> None:
    from recyclenet import Predictor

    result = audit(troubled, Predictor(threads=1))
    assert result.labels is not None
    assert result.labels.total == 63
    assert result.model == "the bundled model"
    assert "trained on the train split of TrashNet" in to_html(result)
    assert "labels" in to_markdown(result)


def test_serious_kinds() -> None:
    assert {"conflict", "leak", "held-twice", "unreadable"} == SERIOUS < set(KINDS)
    assert Finding("leak", "").is_serious
    assert not Finding("label", "").is_serious


def test_thumbnails_of_odd_sizes(tmp_path: Path, rng) -> None:
    for label, size in (("can", (20, 500)), ("bag", (500, 20))):
        save_photo(tmp_path / label / "1.png", (90, 90, 90), rng, size)
    result = audit(open_photo_folder(tmp_path), None)
    assert len(result.of_kind("odd")) == 4  # tiny and very long, both
    assert to_html(result).count("<img") == 4
    assert np.all([item.score is None for item in result.findings])
