"""What a bulk job costs here, piece by piece, and what that makes for 100 million photos.

    python results/scale/measure.py TRASHNET --out results/scale/scale.json

CPU time counts, not the clock: other programs on the machine make a job slow, not dear.
"""

import argparse
import io
import itertools
import json
import multiprocessing
import os
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from recyclenet.atomic import write_text
from recyclenet.bulk.inputs import named_items
from recyclenet.bulk.items import Item
from recyclenet.bulk.listing import Listing, write_listing
from recyclenet.bulk.parts import PartFolder
from recyclenet.bulk.work import Work, Worker
from recyclenet.machine import commit, describe
from recyclenet.predictor import read_model
from recyclenet.rules import default_rules

MANY = 100_000_000
PART_SIZE = 10_000
CORES = (2, 64, 1024)


def apart(measure: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """Measures in a process of its own, whose memory nothing else has touched; adds its largest size."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_memory, (measure, arguments))


def _with_memory(measure: Callable[..., dict[str, float]], arguments: tuple[object, ...]) -> dict[str, float]:
    figures = measure(*arguments)
    return {**figures, "largest_mb": round(_memory("VmHWM") / 1e6, 1)}


def _memory(field: str) -> int:
    """Bytes of this process now (VmRSS) or at most (VmHWM). What getrusage tells is its parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith(field)))


def answering(photos: Path, count: int, folder: Path) -> dict[str, float]:
    """CPU time a photo of one worker, model and imports left out, and the bytes of its answers."""
    items = list(named_items([str(photos)]))
    chosen = items[:: max(1, len(items) // count)][:count]
    write_listing(folder / "l.parquet", chosen, len(chosen))
    part = Listing(folder / "l.parquet", len(chosen)).part(0)
    worker = Worker(Work(read_model(None), "the bundled model", default_rules()))
    worker.answer(part._replace(items=part.items[:20]))
    used, clock = time.process_time(), time.perf_counter()
    answers = worker.answer(part)
    used, clock = time.process_time() - used, time.perf_counter() - clock
    parts = PartFolder(folder, "measure")
    parts.commit(0, answers)
    return {
        "photos": len(chosen),
        "bytes_a_photo": round(sum(Path(item.path).stat().st_size for item in chosen) / len(chosen)),
        "cpu_ms_a_photo": round(1000 * used / len(chosen), 2),
        "clock_ms_a_photo": round(1000 * clock / len(chosen), 2),
        "answer_bytes_a_photo": round(parts.file(0).stat().st_size / len(chosen), 1),
    }


def listing(count: int, folder: Path) -> dict[str, float]:
    """CPU time and bytes an item of writing a listing, and of reading one part of it."""
    items = (Item(f"s3://bucket/{n // 1000:06}/IMG_{n * 7919 % 10**9:09}.jpg", size=n) for n in itertools.count())
    used = time.process_time()
    write_listing(folder / f"{count}.parquet", itertools.islice(items, count), 1000)
    written = time.process_time() - used
    used = time.process_time()
    Listing(folder / f"{count}.parquet", 1000).part(count // 2000)
    return {
        "items": count,
        "cpu_us_an_item": round(1e6 * written / count, 1),
        "bytes_an_item": round((folder / f"{count}.parquet").stat().st_size / count, 1),
        "cpu_ms_to_open_and_read_a_part": round(1000 * (time.process_time() - used), 1),
    }


def one_folder(count: int, folder: Path) -> dict[str, float]:
    """CPU time a name of a single folder with very many photos, all of whose names are in memory."""
    for number in range(count):
        (folder / f"IMG_{number * 7919 % 10**9:09}.jpg").touch()
    before = _memory("VmRSS")
    used = time.process_time()
    found = sum(1 for _ in named_items([str(folder)]))
    grown = _memory("VmHWM") - before
    return {
        "photos": found,
        "cpu_us_a_photo": round(1e6 * (time.process_time() - used) / found, 1),
        "memory_bytes_a_photo": round(grown / found),
    }


def shard(count: int, folder: Path) -> dict[str, float]:
    """CPU time a member of listing a local tar shard."""
    with tarfile.open(folder / "s.tar", "w") as tar:
        for number in range(count):
            info = tarfile.TarInfo(f"{number:09}.jpg")
            info.size = 8000
            tar.addfile(info, io.BytesIO(bytes(8000)))
    used = time.process_time()
    found = sum(1 for _ in named_items([str(folder / "s.tar")]))
    return {"members": found, "cpu_us_a_member": round(1e6 * (time.process_time() - used) / found, 1)}


def sizing(figures: dict[str, dict[str, float]], price: float) -> dict[str, Any]:
    """What the figures make for MANY photos; `price` of a core for an hour."""
    answer = figures["answering"]
    hours = MANY * answer["cpu_ms_a_photo"] / 3.6e6
    return {
        "photos": MANY,
        "core_hours": round(hours),
        "core_hours_12_megapixels": round(MANY * figures["answering 12 megapixels"]["cpu_ms_a_photo"] / 3.6e6),
        "price_of_a_core_hour": price,
        "price": round(hours * price),
        "days": {cores: round(hours / 24 / cores, 2) for cores in CORES},
        "read_mb_a_second": {
            cores: round(cores * answer["bytes_a_photo"] / answer["cpu_ms_a_photo"] / 1000, 1) for cores in CORES
        },
        "photos_gb": round(MANY * answer["bytes_a_photo"] / 1e9),
        "listing_hours": round(MANY * figures["listing"]["cpu_us_an_item"] / 3.6e9, 1),
        "listing_gb": round(MANY * figures["listing"]["bytes_an_item"] / 1e9, 2),
        "answers_gb": round(MANY * answer["answer_bytes_a_photo"] / 1e9, 1),
        "parts": MANY // PART_SIZE,
        "done_again_after_a_kill_core_minutes_a_worker": round(PART_SIZE * answer["cpu_ms_a_photo"] / 60_000, 1),
    }


def large_photos(source: Path, folder: Path) -> Path:
    """Ten photos of 12 megapixels, as phones make them, out of small ones."""
    for number, item in enumerate(itertools.islice(named_items([str(source)]), 10)):
        with Image.open(item.path) as photo:
            photo.resize((4000, 3000), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=92)
    return folder


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trashnet", type=Path)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--price", type=float, default=0.04, help="Of one core for one hour, in any currency.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    source = given.trashnet / "dataset-resized"
    with tempfile.TemporaryDirectory() as name:
        places = [Path(name, str(place)) for place in range(6)]
        for place in places:
            place.mkdir()
        figures = {
            "answering": apart(answering, source, given.photos, places[0]),
            "answering 12 megapixels": apart(answering, large_photos(source, places[4]), 10, places[5]),
            "listing": apart(listing, 200_000, places[1]),
            "listing of a quarter": apart(listing, 50_000, places[1]),
            "one folder": apart(one_folder, 100_000, places[2]),
            "shard": apart(shard, 20_000, places[3]),
        }
    sized = sizing(figures, given.price)
    machine = {"commit": commit(), **describe(), "load_average_5_min": round(os.getloadavg()[1], 1)}
    write_text(given.out, json.dumps({**figures, "sizing": sized, "machine": machine}, indent=2) + "\n")
    print(json.dumps(sized, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
