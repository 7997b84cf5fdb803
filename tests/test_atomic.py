import os
import shutil
import stat
from pathlib import Path

import pytest
from PIL import Image

from recyclenet.atomic import make_folder, replace_file, replace_folder, write_bytes, write_text
from recyclenet.errors import RecycleNetError

AS_ROOT = not hasattr(os, "geteuid") or os.geteuid() == 0


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_appears_whole(tmp_path):
    target = tmp_path / "out.txt"
    with replace_file(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_file_stays_until_the_end(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with replace_file(str(target)) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ValueError("x"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (RecycleNetError("x"), RecycleNetError),
        (OSError(28, "No space left on device"), RecycleNetError),
    ],
)
def test_an_error_inside_keeps_the_old_file(raised, seen, tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write() -> None:
        with replace_file(target) as temporary:
            temporary.write_text("half")
            raise raised

    with pytest.raises(seen) as caught:
        write()
    if isinstance(raised, OSError):
        assert str(caught.value) == f"cannot write {target}: No space left on device"
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_inside_leaves_nothing_where_nothing_was(tmp_path):
    def write() -> None:
        with replace_file(tmp_path / "out.txt"):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_removes_the_file(tmp_path):
    def write() -> None:
        with replace_file(tmp_path / "out.txt") as temporary:
            temporary.unlink()

    with pytest.raises(RecycleNetError, match="cannot write"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_the_ending(tmp_path):
    target = tmp_path / "photo.v2.png"
    with replace_file(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(".")
        Image.new("RGB", (3, 2)).save(temporary)
    with Image.open(target) as picture:
        assert (picture.format, picture.size) == ("PNG", (3, 2))


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "out.txt"
    with replace_file(target) as first, replace_file(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(mask, mode, tmp_path, umask):
    umask(mask)
    write_text(tmp_path / "out.txt", "x")
    assert permissions(tmp_path / "out.txt") == mode


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
def test_a_writer_that_makes_its_file_private_does_not_decide(tmp_path, umask):
    umask(0o022)
    with replace_file(tmp_path / "out.txt") as temporary:
        temporary.chmod(0o600)
    assert permissions(tmp_path / "out.txt") == 0o644


def test_missing_parents_are_made(tmp_path):
    target = tmp_path / "a" / "b" / "out.txt"
    write_text(target, "x")
    assert target.read_text() == "x"


def test_a_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(RecycleNetError, match="it is a folder, a file name was expected"):
        write_text(tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    for target in (file / "out.txt", file / "deep" / "out.txt"):
        with pytest.raises(RecycleNetError, match="cannot write"):
            write_text(target, "x")
    with pytest.raises(RecycleNetError, match="cannot make the folder"):
        make_folder(file)
    with pytest.raises(RecycleNetError, match="cannot make the folder"):
        make_folder(file / "deep")
    assert file.read_text() == "old"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
def test_a_place_where_nothing_can_be_made():
    with pytest.raises(RecycleNetError, match=r"cannot write /proc/recyclenet/out\.txt"):
        write_text("/proc/recyclenet/out.txt", "x")
    with pytest.raises(RecycleNetError, match="cannot make the folder /proc/recyclenet"):
        make_folder("/proc/recyclenet")


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    locked = make_folder(tmp_path / "locked")
    locked.chmod(0o500)
    with pytest.raises(RecycleNetError, match="cannot write"):
        write_text(locked / "out.txt", "x")
    with pytest.raises(RecycleNetError, match="permission denied"):
        make_folder(locked)


def test_a_name_of_the_longest_length(tmp_path):
    target = tmp_path / ("x" * 251 + ".txt")
    target.write_text("old")
    write_text(target, "new")
    assert target.read_text() == "new"


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "out.txt", "é\r\n→\n")
    assert (tmp_path / "out.txt").read_bytes() == b"\xc3\xa9\r\n\xe2\x86\x92\n"


def test_bytes(tmp_path):
    write_bytes(tmp_path / "out.bin", bytes(range(256)))
    assert (tmp_path / "out.bin").read_bytes() == bytes(range(256))


def test_make_folder_twice(tmp_path):
    folder = tmp_path / "a" / "b"
    assert make_folder(folder) == make_folder(str(folder)) == folder
    assert folder.is_dir()


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_pipe_or_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(RecycleNetError, match="device or a pipe"):
            write_text(target, "text")
    assert (tmp_path / "pipe").is_fifo()


def test_a_reader_that_left_is_not_the_files_fault(tmp_path):
    with pytest.raises(BrokenPipeError), replace_file(tmp_path / "file"):
        raise BrokenPipeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_another_as_a_whole(tmp_path):
    target = tmp_path / "deep" / "folder"
    for text in ("old", "new"):
        with replace_folder(target) as temporary:
            (temporary / f"{text}.txt").write_text(text)
            assert not (target / f"{text}.txt").exists()
        assert [path.name for path in target.iterdir()] == [f"{text}.txt"]
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old.txt").write_text("old")
    rename = Path.rename

    def rename_but_the_new(path, to):
        if (path / "new.txt").exists():
            raise OSError("disk on fire")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", rename_but_the_new)
    with pytest.raises(RecycleNetError, match="disk on fire"), replace_folder(target) as temporary:
        (temporary / "new.txt").write_text("new")
    assert [path.name for path in target.iterdir()] == ["old.txt"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_source_that_is_missing_is_named(tmp_path):
    reason = r"cannot write .*new\.txt: No such file or directory \(.*gone\.txt\)"
    with pytest.raises(RecycleNetError, match=reason), replace_file(tmp_path / "new.txt") as temporary:
        shutil.copyfile(tmp_path / "gone.txt", temporary)
