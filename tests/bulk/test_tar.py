"""Tar shards, whole and hostile: photos are listed by their place, nothing is unpacked, nothing runs in circles."""

import io
import tarfile

import pytest

from recyclenet.bulk.read import read_item
from recyclenet.bulk.tar import tar_items
from recyclenet.errors import PhotoError


def member(tar, name, data=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data) if info.isreg() else None)


def shard(build, form=tarfile.PAX_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        build(tar)
    return data.getvalue()


def three(tar):
    for number in range(3):
        member(tar, f"{number}.jpg", bytes([number]) * (1000 + number))


def listed(data):
    return list(tar_items("s.tar", io.BytesIO(data)))


def damage(data):
    """The last item, which must say that the shard is damaged, and those before it."""
    *before, last = listed(data)
    assert last.path == ""
    assert last.name == "s.tar"
    assert "not a whole tar file" in last.error
    return before, last.error


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_are_where_the_list_says(tmp_path, form):
    long = "/".join(["folder"] * (30 if form != tarfile.USTAR_FORMAT else 12)) + "/übung.png"

    def build(tar):
        three(tar)
        member(tar, long, b"the long one")
        member(tar, "notes.txt", b"no photo")
        member(tar, ".hidden.jpg", b"no photo")
        member(tar, "folder.jpg", type=tarfile.DIRTYPE)
        member(tar, "link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        member(tar, "hard.jpg", type=tarfile.LNKTYPE, linkname="0.jpg")
        member(tar, "device.jpg", type=tarfile.CHRTYPE)
        member(tar, "../../escape.jpg", b"only a name")

    path = tmp_path / "s.tar"
    path.write_bytes(shard(build, form))
    with path.open("rb") as file:
        items = list(tar_items(str(path), file))
    assert [item.path for item in items] == ["0.jpg", "1.jpg", "2.jpg", long, "../../escape.jpg"]
    assert [read_item(item) for item in items[:3]] == [bytes([n]) * (1000 + n) for n in range(3)]
    assert [read_item(item) for item in items[3:]] == [b"the long one", b"only a name"]
    assert items[0].name == f"tar://0.jpg::{path}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_shard_without_its_end_is_whole_up_to_there():
    assert len(listed(shard(three)[: 3 * 2048 - 1024])) == 3


def test_cut_in_a_member(tmp_path):
    data = shard(three)[:2500]
    before, _ = damage(data)
    assert [item.path for item in before] == ["0.jpg", "1.jpg"]
    (tmp_path / "s.tar").write_bytes(data)
    with pytest.raises(PhotoError, match="cut short: 0 of 1,001 bytes"):
        read_item(before[1]._replace(container=str(tmp_path / "s.tar"), offset=2560))
    with pytest.raises(PhotoError, match="no such file"):
        read_item(before[1]._replace(container=str(tmp_path / "none.tar")))


def test_a_damaged_header_is_not_taken_for_the_end():
    data = bytearray(shard(three))
    data[2 * 1536 + 100] ^= 0xFF
    before, reason = damage(bytes(data))
    assert len(before) == 2
    assert "damaged header at byte 3072" in reason


@pytest.mark.parametrize("data", [b"", b"this is no tar file", bytes(range(256)) * 8, b"\x1f\x8b\x08" + b"x" * 2000])
def test_no_tar_file_at_all(data):
    before, _ = damage(data)
    assert before == []


def header(size_field, kind=b"0", name=b"a.jpg"):
    info = tarfile.TarInfo(name.decode())
    info.type = kind
    data = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    data[124:136] = size_field
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


NEGATIVE = b"\xff" * 10 + b"\xfa\x00"  # -1536 in base 256


@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"K", b"S"])
@pytest.mark.parametrize("size", [NEGATIVE, b"\x80" + b"\xff" * 11, b"77777777777\0"], ids=["negative", "huge", "8 GB"])
def test_sizes_that_lie_end_the_list(kind, size):
    data = shard(three)[:4608] + header(size, kind) + b"\0" * 2048
    before, _ = damage(data)
    assert [item.path for item in before][:3] == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize("size", [-1, -511])
def test_a_size_a_little_below_nothing_is_damage(size):
    """It is no block less than nothing, so that tarfile goes on; and to read -1 bytes is to read all that follows."""
    field = b"\xff" + size.to_bytes(11, "big", signed=True)
    before, reason = damage(shard(three)[:4608] + header(field) + b"secret" * 512)
    assert len(before) == 3
    assert f"a header claims {size} bytes" in reason


def test_memory_does_not_grow_with_members():
    """tarfile itself keeps an object for each."""
    import tracemalloc

    def peak(count):
        data = io.BytesIO(shard(lambda tar: [member(tar, f"{n}.jpg") for n in range(count)], tarfile.USTAR_FORMAT))
        tracemalloc.start()
        assert sum(1 for _ in tar_items("s.tar", data)) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = (min(peak(count) for _ in range(3)) for count in (200, 1200))  # other threads allocate now and then
    assert many < few + 20_000
