import os
from pathlib import Path

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.outputs import check_output, check_report


@pytest.mark.parametrize("name", ["a.jpg", "B.JPEG", "c.heic", "model.onnx", "best.safetensors", "old.pth.tar"])
def test_a_report_is_no_photo_and_no_model(name: str, tmp_path: Path) -> None:
    """`predict --csv *.jpg`: the shell gives the option the first photo."""
    with pytest.raises(RecycleNetError, match=r"ends like a photo or a model; was the name for --csv forgotten\?"):
        check_report(tmp_path / name, "--csv")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    read, link, other = tmp_path / "list.txt", tmp_path / "link.txt", tmp_path / "other.txt"
    read.write_text("kept")
    link.symlink_to(read)
    other.write_text("a report of before")
    for path in (read, link):
        with pytest.raises(RecycleNetError, match=f"cannot write {path}: it is one of the files .* give --out another"):
            check_report(path, "--out", [tmp_path / "gone", "\0", read])
    check_report(other, "--out", [read])
    assert (read.read_text(), other.read_text()) == ("kept", "a report of before")


def test_before_the_work_not_after_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecycleNetError, match="it is a folder, and --out expects a file's name"):
        check_output(tmp_path, "--out", [])
    with pytest.raises(RecycleNetError, match="file is no folder that can be written to"):
        check_output(tmp_path / "file" / "below" / "report.json", "--out", [])
    check_output(tmp_path / "new" / "folder" / "report.json", "--out", [])
    check_report(None, "--out")
    assert os.listdir(tmp_path) == ["file"]  # looked at, not touched


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecycleNetError, match="is no folder that can be written to"):
        check_output(tmp_path / "report.json", "--out", [])
