"""A bulk job killed half-way and resumed, and what came out of it counted: the short version is a test.

    python -m tests.bulk.chaos --photos 20000 --tiny --out results/scale/chaos.json

A few distinct photos under many names, one in a hundred broken in one of several ways. `kill -9` falls when half of the
parts are committed; then the same command runs again.
"""

import argparse
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from PIL import Image

import recyclenet
from recyclenet.atomic import write_text
from recyclenet.machine import commit, describe
from tests.bulk.conftest import tiny_model

DISTINCT = 50
ONE_IN = 100  # is broken


def make_photos(root: Path, count: int, size: tuple[int, int]) -> set[str]:
    """Writes `count` photos, a thousand a folder; returns the paths of the broken ones."""
    rng = np.random.default_rng(7)
    whole = [_photo(rng, size) for _ in range(DISTINCT)]
    broken = [whole[0][: len(whole[0]) // 2], b"", b"this is no photo", whole[1][:100], rng.bytes(2000)]
    sources = [*whole, *broken]
    for number, data in enumerate(sources):
        (root / "sources").mkdir(parents=True, exist_ok=True)
        (root / "sources" / f"{number}.bin").write_bytes(data)
    bad = set()
    for number in range(count):
        is_bad = number % ONE_IN == ONE_IN // 2
        source = DISTINCT + number // ONE_IN % len(broken) if is_bad else number % DISTINCT
        path = root / "photos" / f"{number // 1000:04}" / f"{number:08}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(root / "sources" / f"{source}.bin", path)
        if is_bad:
            bad.add(str(path))
    return bad


def _photo(rng: np.random.Generator, size: tuple[int, int]) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.clip(np.asarray(coarse, dtype=np.int16) + rng.integers(-6, 7, (*size[::-1], 1)), 0, 255)
    data = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(data, "JPEG", quality=85)
    return data.getvalue()


def command(photos: Path, out: Path, *options: object) -> list[str]:
    """The job, as a person would start it."""
    words = ("predict", photos, "--out", out, "--json", *options)
    return [sys.executable, "-m", "recyclenet", *map(str, words)]


def committed(out: Path) -> dict[str, tuple[int, int]]:
    """Each part's inode and time of writing."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("part-*.parquet")}


def stop_half_way(words: list[str], out: Path, parts: int, number: signal.Signals, patience: float) -> int:
    """Starts a job, sends it a signal when half of its parts are there, and returns its exit code."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + patience
        while len(committed(out)) < parts // 2:
            assert process.poll() is None, f"ended with {process.returncode} before it was half done"
            assert time.monotonic() < deadline, f"not half done after {patience} s"
            time.sleep(0.02)
        process.send_signal(number)
        return process.wait(patience)


def check_answers(out: Path, photos: Path, bad: set[str]) -> dict[str, int]:
    """Every input exactly once, in order, an error for the broken ones and for no others."""
    table = ds.dataset(out).to_table(columns=["id", "path", "label", "error"]).sort_by("id")
    rows = table.to_pylist()
    wanted = sorted(str(path) for path in photos.rglob("*.jpg"))
    assert [row["id"] for row in rows] == list(range(len(wanted)))
    assert [row["path"] for row in rows] == wanted
    assert {row["path"] for row in rows if row["error"] is not None} == bad
    assert all((row["label"] is None) == (row["error"] is not None) for row in rows)
    return {"rows": len(rows), "distinct_paths": len({row["path"] for row in rows}), "errors": len(bad)}


def kill_and_resume(
    root: Path, count: int, part_size: int, *options: object, size: tuple[int, int], patience: float
) -> dict[str, object]:
    """The whole of it, checked; the figures."""
    bad = make_photos(root, count, size)
    photos, out = root / "photos", root / "answers"
    parts = -(-count // part_size)
    words = command(photos, out, "--part-size", part_size, *options)
    started = time.monotonic()
    assert stop_half_way(words, out, parts, signal.SIGKILL, patience) == -signal.SIGKILL
    seconds_before = time.monotonic() - started
    before = committed(out)
    assert parts // 2 <= len(before) < parts

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=patience)
    cpu = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - sum(used[:2])
    report = json.loads(made.stdout)
    after = committed(out)
    assert {name: after[name] for name in before} == before, "a committed part was written again"
    assert len(after) == parts
    assert report["complete"]
    assert report["answered_now"] == count - part_size * len(before), "a committed photo was answered again"
    assert report["unreadable"] == len(bad)
    assert not list(out.glob(".*.parquet")), "half-written files are left"
    return {
        **check_answers(out, photos, bad),
        "parts": parts,
        "parts_at_the_kill": len(before),
        "seconds_to_the_kill": round(seconds_before, 1),
        "second_run": {
            **report,
            "out": out.name,
            "photos_per_second": round(report["answered_now"] / report["seconds"], 1),
            "cpu_ms_a_photo": round(1000 * cpu / report["answered_now"], 2),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--part-size", type=int, default=500)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 384), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--engine", default="local")
    parser.add_argument("--tiny", action="store_true", help="A model of a kilobyte instead of the bundled one.")
    parser.add_argument("--patience", type=float, default=7200, help="Seconds for each of the two runs.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--engine", given.engine]
        if given.tiny:
            (Path(folder) / "tiny.onnx").write_bytes(tiny_model())
            options += ["--model", f"{folder}/tiny.onnx"]
        figures = kill_and_resume(
            Path(folder),
            given.photos,
            given.part_size,
            *options,
            size=tuple(given.size),
            patience=given.patience,
        )
        photos = list((Path(folder) / "sources").iterdir())[:DISTINCT]
        figures["mean_bytes_a_photo"] = round(sum(path.stat().st_size for path in photos) / len(photos))
    load = os.getloadavg()[1]
    about = {
        "engine": given.engine,
        "model": "tiny" if given.tiny else "bundled",
        "size": list(given.size),
        "part_size": given.part_size,
    }
    machine = {"recyclenet": recyclenet.__version__, "commit": commit(), **describe(), "load_average_5_min": load}
    write_text(given.out, json.dumps({**about, **figures, **machine}, indent=2) + "\n")


if __name__ == "__main__":
    main()
