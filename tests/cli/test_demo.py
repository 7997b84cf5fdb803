import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from recyclenet.data.samples import SAMPLES
from tests.conftest import Run

PRINTED = "picture with answers and heatmaps"


def take_three(class_folders: Path) -> list[Path]:
    return [class_folders / label / f"{label}{number}.jpg" for number, label in enumerate(("glass", "paper", "metal"))]


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as opened:
        opened.load()
        return opened.size


def test_own_photos_make_a_table_and_a_picture(run: Run, class_folders: Path, tmp_path: Path) -> None:
    photos = take_three(class_folders)
    picture = tmp_path / "new" / "sheet.jpg"
    code, out, err = run("demo", *photos, "--out", picture)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"{PRINTED}: {picture}"
    assert all(photo.name in out for photo in photos)
    width, height = size_of(picture)
    assert width > height > 0
    assert [path.name for path in picture.parent.iterdir()] == ["sheet.jpg"]


def test_the_picture_grows_by_rows_of_three(run: Run, class_folders: Path, tmp_path: Path) -> None:
    photos = sorted((class_folders / "glass").iterdir())
    heights = []
    for count in (3, 4, 7):
        run("demo", *photos[:count], "--out", tmp_path / "sheet.png")
        heights.append(size_of(tmp_path / "sheet.png")[1])
    assert heights[0] < heights[1]
    assert heights[2] - heights[1] == heights[1] - heights[0]


def test_a_full_sheet_says_so(run: Run, class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recyclenet.cli.demo._MOST_ON_A_SHEET", 2)
    photos = take_three(class_folders)
    _, out, _ = run("demo", *photos[:2], "--out", tmp_path / "sheet.jpg")
    assert out.splitlines()[-1] == f"{PRINTED}: {tmp_path / 'sheet.jpg'}"
    _, out, _ = run("demo", *photos, "--out", tmp_path / "sheet.jpg")
    assert out.splitlines()[-1] == f"{PRINTED} (the first 2): {tmp_path / 'sheet.jpg'}"
    assert photos[2].name in out


def test_a_broken_photo_is_named_and_the_others_are_shown(run: Run, class_folders: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    code, out, _ = run("demo", broken, *take_three(class_folders), "--out", tmp_path / "sheet.jpg")
    assert code == 1
    assert "error: not a photo" in out
    assert out.splitlines()[-1] == f"{PRINTED}: {tmp_path / 'sheet.jpg'}"


def test_broken_photos_alone_make_no_picture(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("demo", tmp_path / "none.jpg", "--out", tmp_path / "sheet.jpg")
    assert code == 1
    assert "error: no such file" in out
    assert PRINTED not in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["taken/sheet.jpg", "", "sheet", "sheet.txt"])
def test_a_picture_that_cannot_be_written_is_one_line(run: Run, class_folders: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("a file")
    code, _, err = run("demo", take_three(class_folders)[0], "--out", tmp_path / name)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "taken"]


def demo_alone(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program without network: a home of its own, and a proxy that nobody listens on."""
    nowhere = "http://127.0.0.1:9"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    home = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA"), str(tmp_path / "home"))
    dropped = ("RECYCLENET_TRASHNET", "no_proxy", "NO_PROXY")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return subprocess.run(
        [sys.executable, "-m", "recyclenet", "demo"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=tmp_path / "work",
        env=kept | dict.fromkeys(names, nowhere) | home | variables,
    )


def test_without_network_and_trashnet_stand_ins_are_shown(tmp_path: Path) -> None:
    made = demo_alone(tmp_path)
    picture = tmp_path / "work" / "demo-output" / "answers.jpg"
    assert made.returncode == 0
    assert made.stderr == "sample photos: stand-ins drawn by this program, because no photos could be had\n"
    assert made.stdout.splitlines()[-1] == f"{PRINTED}: {picture.resolve()}"
    # A path that is wider than its column goes on in the next line.
    paths = "".join(line.split("│")[1].strip() for line in made.stdout.splitlines() if line.startswith("│"))
    assert all(f"{name}.png" in paths for name in ("bottle", "sheet", "box", "cup", "can", "wrapper"))
    size_of(picture)


def test_without_network_a_local_trashnet_is_shown(tmp_path: Path, trashnet: Path) -> None:
    made = demo_alone(tmp_path, RECYCLENET_TRASHNET=str(trashnet))
    assert made.returncode == 0
    assert made.stderr == f"sample photos: TrashNet test photos in {trashnet}\n"
    shown = re.sub(r"\s|│", "", made.stdout)
    assert all(Path(path).name in shown for path in SAMPLES)
    assert len(re.findall(r"\d+\.\d %", made.stdout)) == len(SAMPLES)


def test_the_name_of_the_picture_forgotten_costs_no_photo(run: Run, class_folders: Path) -> None:
    """`demo --out *.jpg`: the shell gives the option the first photo."""
    first, second = sorted((class_folders / "glass").iterdir())[:2]
    before = first.read_bytes()
    for photos in ((second,), (first, second)):
        code, out, err = run("demo", "--out", first, *photos)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: cannot write {first}")
    assert first.read_bytes() == before
