import functools
import hashlib
import http.server
import shutil
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recyclenet.data.fetch import FetchReport, fetch_trashnet
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import read_splits
from recyclenet.data.trashnet import ManifestEntry, official_records, read_official_split
from recyclenet.errors import RecycleNetError

GLASS1, GLASS2, METAL1, TRASH1 = PATHS = (
    "dataset-resized/glass/glass1.jpg",
    "dataset-resized/glass/glass2.jpg",
    "dataset-resized/metal/metal1.jpg",
    "dataset-resized/trash/trash1.jpg",
)
PHOTOS = {path: path.encode() * (10 + number) for number, path in enumerate(PATHS)}
SPLIT = dict(zip(PATHS, ("train", "val", "train", "test"), strict=True))
LISTS = {
    "one-indexed-files-notrash_train.txt": "metal1.jpg 5\nglass1.jpg 1\n",
    "one-indexed-files-notrash_val.txt": "glass2.jpg 1\n",
    "one-indexed-files-notrash_test.txt": "trash1.jpg 6\n",
}
SPLITS_CSV = "path,label,split\n" + "".join(f"{path},{path.split('/')[1]},{SPLIT[path]}\n" for path in PATHS)
WHOLE = {*PATHS, *LISTS, "splits.csv"}


@pytest.fixture
def small_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        path: ManifestEntry(path, len(data), hashlib.sha256(data).hexdigest(), SPLIT[path])
        for path, data in PHOTOS.items()
    }
    for module in ("fetch", "trashnet"):
        monkeypatch.setattr(f"recyclenet.data.{module}.manifest", lambda: entries)


pytestmark = pytest.mark.usefixtures("small_manifest")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "trashnet"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for path, data in PHOTOS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    for name, text in LISTS.items():
        (root / name).write_text(text)
    return root


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def files_in(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def check_whole(out: Path) -> None:
    assert files_in(out) == WHOLE
    assert {path: (out / path).read_bytes() for path in PATHS} == PHOTOS
    assert (out / "splits.csv").read_text() == SPLITS_CSV
    assert read_official_split(out) == official_records() == read_splits(out / "splits.csv")
    assert open_photo_folder(out).is_split


def test_from_a_folder(source: Path, out: Path) -> None:
    assert fetch_trashnet(out, source) == FetchReport(out, kept=0, added=4)
    check_whole(out)
    assert {name: (out / name).read_text() for name in LISTS} == LISTS


def test_from_class_folders_without_lists(source: Path, out: Path) -> None:
    assert fetch_trashnet(str(out), str(source / "dataset-resized")) == FetchReport(out, kept=0, added=4)
    check_whole(out)
    assert (out / "one-indexed-files-notrash_train.txt").read_text() == "glass1.jpg 1\nmetal1.jpg 5\n"


@pytest.mark.parametrize("folder", ["dataset-resized/", "", "trashnet-master/data/dataset-resized/"])
def test_from_a_zip(tmp_path: Path, out: Path, folder: str) -> None:
    members = {folder + path.removeprefix("dataset-resized/"): data for path, data in PHOTOS.items()}
    members |= {f"__MACOSX/dataset-resized/glass/{name}": b"junk" for name in ("._glass1.jpg", "glass1.jpg")}
    members |= {f"{folder}.DS_Store": b"junk"}
    archive = make_zip(tmp_path / "any name.zip", members)
    assert fetch_trashnet(out, archive) == FetchReport(out, kept=0, added=4)
    check_whole(out)
    assert archive.exists()


@pytest.fixture
def base_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    root = tmp_path / "server"
    root.mkdir()
    make_zip(root / "dataset-resized.zip", PHOTOS)
    for name, text in LISTS.items():
        (root / name).write_text(text)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_from_a_server(out: Path, base_url: str) -> None:
    assert fetch_trashnet(out, base_url=base_url) == FetchReport(out, kept=0, added=4)
    check_whole(out)
    assert {name: (out / name).read_text() for name in LISTS} == LISTS


def test_a_second_run_asks_nobody(source: Path, out: Path) -> None:
    fetch_trashnet(out, source)
    assert fetch_trashnet(out, base_url="http://127.0.0.1:9/") == FetchReport(out, kept=4, added=0)
    check_whole(out)


def test_a_damaged_zip_from_a_server_is_not_kept(tmp_path: Path, out: Path, base_url: str) -> None:
    make_zip(tmp_path / "server" / "dataset-resized.zip", PHOTOS | {METAL1: b"other"})
    with pytest.raises(RecycleNetError, match=f"1 of 4 photos .* in the download, the first of them {METAL1}"):
        fetch_trashnet(out, base_url=base_url)
    assert files_in(out) == {GLASS1, GLASS2, TRASH1}
    make_zip(tmp_path / "server" / "dataset-resized.zip", PHOTOS)
    assert fetch_trashnet(out, base_url=base_url) == FetchReport(out, kept=3, added=1)
    check_whole(out)


def test_missing_photos_alone_are_copied(source: Path, out: Path) -> None:
    fetch_trashnet(out, source)
    (out / GLASS2).unlink()
    (out / TRASH1).write_bytes(b"damaged")
    shutil.rmtree(source / "dataset-resized" / "metal")
    kept = (out / GLASS1).stat().st_mtime_ns
    told: list[tuple[str, int, int | None]] = []
    report = fetch_trashnet(out, source, on_progress=lambda *step: told.append(step))
    assert report == FetchReport(out, kept=2, added=2)
    assert told == [("photos", 1, 2), ("photos", 2, 2)]
    assert (out / GLASS1).stat().st_mtime_ns == kept
    check_whole(out)


def test_bad_photos_are_named_and_the_rest_is_kept(source: Path, out: Path) -> None:
    (source / GLASS2).write_bytes(PHOTOS[GLASS2][:-1] + b"!")
    (source / METAL1).unlink()
    with pytest.raises(
        RecycleNetError, match=f"2 of 4 photos are missing or damaged .* the first of them {GLASS2}"
    ) as e:
        fetch_trashnet(out, source)
    assert str(source) in str(e.value)
    assert files_in(out) == {GLASS1, TRASH1}
    for path in (GLASS2, METAL1):
        (source / path).write_bytes(PHOTOS[path])
    assert fetch_trashnet(out, source) == FetchReport(out, kept=2, added=2)
    check_whole(out)


def test_a_longer_photo_is_not_the_photo(source: Path, out: Path) -> None:
    (source / GLASS1).write_bytes(PHOTOS[GLASS1] + b"!")
    with pytest.raises(RecycleNetError, match=f"1 of 4 photos .* {GLASS1}"):
        fetch_trashnet(out, source)
    assert not (out / GLASS1).exists()


EVIL = [
    "../evil.jpg",
    "/abs.jpg",
    "dataset-resized/../../evil.jpg",
    "dataset-resized/glass/../../../evil.jpg",
    "C:/evil.jpg",
]


def test_entries_that_lead_out_are_never_written(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "evil.zip", {**dict.fromkeys(EVIL, b"evil"), **PHOTOS})
    fetch_trashnet(out, archive)
    check_whole(out)
    assert files_in(tmp_path) == {"evil.zip", *(f"out/trashnet/{name}" for name in WHOLE)}
    assert not Path("/abs.jpg").exists()


def test_a_bomb_is_refused_without_being_unpacked(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "bomb.zip", PHOTOS | {GLASS1: bytes(50 * 2**20)})
    fetch_trashnet(tmp_path / "warm", make_zip(tmp_path / "good.zip", PHOTOS))  # what is imported late is no bomb
    tracemalloc.start()
    try:
        with pytest.raises(RecycleNetError, match=f"1 of 4 photos .* {GLASS1}"):
            fetch_trashnet(out, archive)
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()
    assert files_in(out) == {GLASS2, METAL1, TRASH1}


def test_a_damaged_member_is_named(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", PHOTOS)
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo(METAL1)
    data = bytearray(archive.read_bytes())
    start = info.header_offset + 30 + len(METAL1)
    data[start : start + info.compress_size] = bytes(info.compress_size)
    archive.write_bytes(data)
    with pytest.raises(RecycleNetError, match=f"1 of 4 photos .* {METAL1}"):
        fetch_trashnet(out, archive)
    assert files_in(out) == {GLASS1, GLASS2, TRASH1}


def refused(source: Path, out: Path, message: str) -> None:
    with pytest.raises(RecycleNetError, match=message) as caught:
        fetch_trashnet(out, source)
    assert str(source) in str(caught.value)
    assert files_in(out) == set()


def test_a_truncated_zip(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", PHOTOS)
    archive.write_bytes(archive.read_bytes()[:-40])
    refused(archive, out, "is not a readable zip")


@pytest.mark.parametrize("data", [b"", b"PK", b"\x89PNG\r\n", b"no zip" * 100])
def test_not_a_zip(tmp_path: Path, out: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", out, "is not a readable zip")


def change_directory_entry(archive: Path, offset: int, new: bytes) -> None:
    """Overwrites bytes of the first entry in the zip's central directory."""
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02") + offset
    data[start : start + len(new)] = new
    archive.write_bytes(data)


def test_a_zip_of_a_later_version(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", PHOTOS)
    change_directory_entry(archive, 6, b"\xff\xff")
    refused(archive, out, "is not a readable zip")


def test_a_zip_with_names_that_are_not_what_they_claim(tmp_path: Path, out: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", PHOTOS)
    change_directory_entry(archive, 8, b"\x00\x08")  # the flag that says UTF-8
    change_directory_entry(archive, 46, b"\xff\xfe")
    refused(archive, out, "is not a readable zip")


def test_a_source_that_is_not_there(tmp_path: Path, out: Path) -> None:
    refused(tmp_path / "none", out, "no folder or zip at")


def test_a_folder_of_other_things(tmp_path: Path, out: Path) -> None:
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    refused(tmp_path / "photos", out, "holds neither dataset-resized/ nor the class folders")


def test_a_folder_that_cannot_be_filled(source: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RecycleNetError, match="cannot make the folder"):
        fetch_trashnet(tmp_path / "taken", source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("glass1.jpg 1\n", "are not TrashNet's official ones"),
        ("glass1.jpg 1\nmetal1.jpg 5\nglass2.jpg 1\n", "are not TrashNet's official ones"),
        ("glass1.jpg 1\nmetal1.jpg 9\n", "line 2: expected 'FILE LABEL'"),
    ],
)
def test_wrong_lists_are_refused(source: Path, out: Path, text: str, message: str) -> None:
    (source / "one-indexed-files-notrash_train.txt").write_text(text)
    with pytest.raises(RecycleNetError, match=message):
        fetch_trashnet(out, source)
    assert not (out / "splits.csv").exists()
    (source / "one-indexed-files-notrash_train.txt").write_text(LISTS["one-indexed-files-notrash_train.txt"])
    assert fetch_trashnet(out, source) == FetchReport(out, kept=4, added=0)
    check_whole(out)


def test_wrong_lists_in_the_folder_to_fill_do_not_stay(out: Path, base_url: str) -> None:
    fetch_trashnet(out, base_url=base_url)
    for name in LISTS:
        (out / name).write_text("glass1.jpg 1\n")
    with pytest.raises(RecycleNetError, match="the lists were not kept"):
        fetch_trashnet(out, base_url=base_url)
    fetch_trashnet(out, base_url=base_url)
    check_whole(out)


class TestRealTrashNet:
    @pytest.fixture
    def small_manifest(self) -> None:
        """The real one instead."""

    def test_all_photos_are_added_and_then_kept(
        self, trashnet: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recyclenet.atomic.os.fsync", lambda _: None)  # most of the time, for 2,527 files
        assert fetch_trashnet(out, trashnet) == FetchReport(out, kept=0, added=2527)
        assert read_splits(out / "splits.csv") == official_records() == read_official_split(trashnet)
        assert fetch_trashnet(out, trashnet) == FetchReport(out, kept=2527, added=0)


@pytest.mark.parametrize("is_good", [True, False])
def test_a_users_own_zip_is_never_removed(source: Path, out: Path, is_good: bool) -> None:
    out.mkdir(parents=True)
    own = out / "dataset-resized.zip"  # where a download would lie
    with zipfile.ZipFile(own, "w") as archive:
        for path, data in PHOTOS.items():
            archive.writestr(path, data if is_good else b"other")
    before = own.read_bytes()
    if is_good:
        fetch_trashnet(out, own.parent / own.name)
    else:
        with pytest.raises(RecycleNetError, match="missing or damaged"):
            fetch_trashnet(out, own)
    assert own.read_bytes() == before
