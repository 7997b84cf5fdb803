"""What is named becomes items: the right ones, once, in an order that does not depend on the file system."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import fsspec
import pytest

from recyclenet.bulk.folders import url_folder
from recyclenet.bulk.inputs import listed_items, named_items
from recyclenet.bulk.items import Item
from recyclenet.bulk.listing import Listing, write_listing
from recyclenet.data.folder import find_photos
from recyclenet.errors import RecycleNetError


def names(*arguments):
    return [item.name for item in named_items(map(str, arguments))]


@pytest.fixture
def store(photos):
    """The same photos behind URLs of a store in memory."""
    system = fsspec.filesystem("memory")
    for path in photos.rglob("*"):
        if path.is_file():
            system.pipe_file(f"/bucket/{path.relative_to(photos).as_posix()}", path.read_bytes())
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def test_a_folder_gives_what_the_other_commands_find(photos):
    (photos / "circle").symlink_to(photos)
    (photos / "link.png").symlink_to(photos / "paper.png")
    assert names(photos) == [str(path) for path in find_photos(photos)]
    assert names(f"{photos}/") == names(photos)
    assert len(names(photos)) == 12


def test_names_stay_as_given(photos, monkeypatch):
    monkeypatch.chdir(photos)
    assert names("paper.png", "glass", "./metal/*r*.jpg") == [
        "paper.png",
        *(f"glass/{number}.jpg" for number in range(3)),
        "./metal/broken.jpg",
    ]


def test_folders_nested_deeper_than_python_recurses():
    class Deep:
        """A store whose every folder holds a photo and one more folder."""

        def ls(self, here, detail):
            assert detail
            deeper = {"name": f"{here}/d", "type": "directory", "size": 0}
            photo = {"name": f"{here}/1.jpg", "type": "file", "size": None}
            return [deeper, photo] if here.count("d") < 3000 else [photo]

        def unstrip_protocol(self, path):
            return f"x:/{path}"

    found = list(url_folder(Deep(), "top"))
    assert len(found) == 3001
    assert (found[0], found[-1].name) == (Item("x:/top/1.jpg"), "x:/top" + "/d" * 3000 + "/1.jpg")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("none", "no file or folder"),
        ("*.gif", "no photos in"),
        ("empty", "no photos in"),
        ("x.tar.gz", "x.tar.gz is compressed"),
        ("memory://nowhere", "nothing at memory://nowhere"),
        ("nonsense://x/y.jpg", "nonsense"),
        ("x" * 300, "no file or folder"),
    ],
)
def test_nothing_to_answer(tmp_path, monkeypatch, argument, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("x.tar.gz").touch()
    with pytest.raises(RecycleNetError, match=message):
        names(argument)


def test_a_store_gives_the_same_as_the_folder(photos, store):
    wanted = [f"memory:///bucket/{path.relative_to(photos).as_posix()}" for path in find_photos(photos)]
    found = list(named_items([store]))
    assert [item.name for item in found] == wanted
    assert [item.size for item in found] == [path.stat().st_size for path in find_photos(photos)]
    assert names(f"{store}/glass/*.jpg", f"{store}/paper.png") == [*wanted[:3], f"{store}/paper.png"]


def test_shards_of_a_store(photos, store):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.add(photos / "paper.png", "inside/paper.png")
    fsspec.filesystem("memory").pipe_file("/bucket/shards/1.tar", data.getvalue())
    fsspec.filesystem("memory").pipe_file("/bucket/shards/2.tar", data.getvalue())
    assert names(f"{store}/shards/1.tar") == [f"tar://inside/paper.png::{store}/shards/1.tar"]
    wanted = [f"tar://inside/paper.png::memory:///bucket/shards/{number}.tar" for number in (1, 2)]
    assert names(f"{store}/shards/*.tar") == wanted


def test_a_list(photos, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_bytes(os.fsencode(f"{photos}/paper.png\r\n\nmissing.jpg\ncaf\udce9.jpg\n{photos}/glass/"))
    found = [item.name for item in listed_items(listed)]
    assert found[:3] == [f"{photos}/paper.png", "missing.jpg", "caf\udce9.jpg"]
    assert found[3:] == [f"{photos}/glass/{number}.jpg" for number in range(3)]
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(RecycleNetError, match="is empty"):
        list(listed_items(tmp_path / "empty.txt"))
    with pytest.raises(RecycleNetError, match="cannot be read"):
        list(listed_items(tmp_path / "none.txt"))


def test_blanks_around_a_name_are_no_part_of_it_unless_they_are(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos)
    (photos / "paper.png").rename(photos / " both.png")
    (photos / "both.png").touch()
    names = ("glass/0.jpg ", "\tglass/1.jpg", " both.png", "both.png ", " none.jpg ", "glass/ ", " s3://x/a.jpg ")
    (tmp_path / "list.txt").write_text("\r\n".join(["  \t", *names, " "]))
    assert [item.name for item in listed_items(tmp_path / "list.txt")] == [
        *("glass/0.jpg", "glass/1.jpg", " both.png", "both.png", " none.jpg "),
        *(f"glass/{number}.jpg" for number in range(3)),
        "s3://x/a.jpg",
    ]
    (tmp_path / "blank.txt").write_text(" \n\t\r\n")
    with pytest.raises(RecycleNetError, match="is empty"):
        list(listed_items(tmp_path / "blank.txt"))


@pytest.mark.parametrize(
    ("name", "message"), [("gone/", "no file or folder gone/"), ("s3://x/a.tar.gz", "is compressed")]
)
def test_what_is_wrong_with_a_list_names_its_line(tmp_path, name, message):
    listed = tmp_path / "list.txt"
    listed.write_text(f"a.jpg\n\n{name}\n")
    with pytest.raises(RecycleNetError, match=f"the list {listed}, line 3: .*{message}"):
        list(listed_items(listed))


def test_the_mark_that_begins_a_list_is_no_part_of_a_name(tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_bytes(b"\xef\xbb\xbfa.jpg\r\ncaf\xe9.jpg\r\n")
    assert [item.name for item in listed_items(listed)] == ["a.jpg", "caf\udce9.jpg"]


def test_where_a_name_is_found():
    assert Item("a/b.jpg").found_from("/x") == Item("/x/a/b.jpg")
    assert Item("b.jpg", "1.tar", 512, 7).found_from("/x") == Item("b.jpg", "/x/1.tar", 512, 7)
    for item in (Item("/a.jpg"), Item("s3://x/a.jpg"), Item("a.jpg", "/1.tar"), Item("a.jpg", "s3://x/1.tar")):
        assert item.found_from("/x") == item


def test_what_is_listed_comes_back_a_part_at_a_time(tmp_path):
    items = [
        Item("a.jpg"),
        Item("caf\udce9.jpg", size=7),
        Item("b/c.jpg", "s3://x/1.tar", 512, 10**12),
        Item("", "1.tar", error="broken"),
        Item("last.jpg"),
    ]
    told = []
    total, digest = write_listing(tmp_path / "l.parquet", iter(items), 2, "/caf\udce9", told.append)
    assert (total, told) == (5, [2, 4, 5])
    lines = "".join(f"{tuple(item)!r}\n" for item in items)
    assert digest == hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
    listing = Listing(tmp_path / "l.parquet", 2)
    parts = [listing.part(number) for number in (2, 0, 1)]
    assert [(part.number, part.first) for part in parts] == [(2, 4), (0, 0), (1, 2)]
    assert parts[1].items + parts[2].items + parts[0].items == items
    assert {part.folder for part in parts} == {"/caf\udce9"}
    (tmp_path / "l.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecycleNetError, match="missing or damaged"):
        Listing(tmp_path / "l.parquet", 2).part(0)
    with pytest.raises(RecycleNetError, match="no photos"):
        write_listing(tmp_path / "m.parquet", [], 2, "/")
    assert not (tmp_path / "m.parquet").exists()
