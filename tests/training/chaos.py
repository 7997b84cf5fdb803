"""Trainings that are killed, starved of disk and lied to, and what came out of them: the short version is a test.

python -m tests.training.chaos --out results/reliability/training.json
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import recyclenet
from recyclenet.atomic import write_text
from recyclenet.data.folder import split_photo_folder
from recyclenet.machine import commit, describe
from tests.conftest import save_class_folders
from tests.training.kills import differences, finish, start, train_through
from tests.training.published import ARCH, publish

_SHARED = ["--arch", ARCH, "--img-size", "32", "--mean", "0.5", "--std", "0.5", "--device", "cpu", "--batch-size", "8"]
_STEPS = 6  # an epoch, of 42 photos
_SHARED += ["--attn", "recyclenet", "--checkpoint-every", "0"]

# Between them they have every state that a run can have.
KINDS: dict[str, dict[str, Any]] = {
    "everything at random": {
        "recipe": "best",
        "pretrained": "none",
        "workers": 1,
        "epochs": 3,
        "keep": 0,
        "start": "fresh",
        "mixup": 0.2,
        "ema_decay": 0.9,
        "augment": "strong",
        "warmup": 0.3,
    },
    "the original's recipe": {"recipe": "paper", "pretrained": "none", "workers": 0, "epochs": 3},
    "cached features": {"recipe": "fast", "pretrained": "FILE", "workers": 0, "epochs": 5, "views": 2},
    "fitted head, kept memory": {"recipe": "best", "pretrained": "FILE", "workers": 0, "epochs": 3, "keep": 1},
}


class Workshop:
    """A folder with a few photos, a file of weights, and for each kind of run one that nobody stopped."""

    def __init__(self, root: Path) -> None:
        self.root = root
        split_photo_folder(save_class_folders(root / "photos", np.random.default_rng(7)))
        publish(root / "weights.safetensors")
        self._whole: dict[str, Path] = {}

    def command(self, kind: str, out: Path) -> list[str]:
        """A new run of this kind in `out`."""
        words = ["train", "--data", str(self.root / "photos"), "--out", str(out), *_SHARED]
        for key, value in KINDS[kind].items():
            text = str(self.root / "weights.safetensors") if value == "FILE" else str(value)
            is_flag = key in ("recipe", "pretrained", "workers", "epochs")
            words += [f"--{key}", text] if is_flag else ["--set", f"recipe.{key}={text}"]
        return words

    def whole(self, kind: str) -> Path:
        """The unbroken run."""
        if kind not in self._whole:
            out = self.root / kind.replace(" ", "-")
            finish(self.command(kind, out), out.with_suffix(".log"))
            self._whole[kind] = out
        return self._whole[kind]


def kill_and_compare(shop: Workshop, kind: str, kills: int, rng: np.random.Generator) -> dict[str, Any]:
    """Kills runs of one kind until `kills` signals have fallen; what the ends have unlike the unbroken run."""
    whole, checkpoints = shop.whole(kind), KINDS[kind]["epochs"] * (_STEPS + 1)
    fallen, unlike, runs = [], [], 0
    while len(fallen) < kills:
        out = shop.root / f"killed-{kind.replace(' ', '-')}-{runs}"
        fallen += train_through(shop.command(kind, out), out, kills - len(fallen), checkpoints, rng)
        unlike += differences(whole, out)
        runs += 1
    return {
        "kind": kind,
        "kills": len(fallen),
        "by_signal": dict(Counter(kill.signal for kill in fallen)),
        "before_the_first_checkpoint": sum(kill.epoch is None for kill in fallen),
        "places": len({(kill.epoch, kill.step) for kill in fallen}),
        "while_a_file_was_written": sum(kill.half_written > 0 for kill in fallen),
        "runs": runs,
        "unlike": unlike,
    }


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mounts a disk of so many bytes in memory at `folder`.

    Raises:
        PermissionError: only the administrator may.
    """
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        raise PermissionError("a small disk can be mounted by the administrator alone")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill_and_compare(shop: Workshop, kind: str, size: int) -> dict[str, Any]:
    """Trains on a disk that fills up, then makes room and goes on."""
    whole = shop.whole(kind)
    disk = shop.root / f"disk-{size}"
    out, log = disk / "run", shop.root / f"disk-{size}.log"
    with small_disk(disk, size):
        process = start(shop.command(kind, out), log)
        process.join(600)
        said = log.read_text().splitlines()[-1]
        has_begun = (out / "config.json").exists()
        subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
        again = ["train", "--resume", "--out", str(out)] if has_begun else shop.command(kind, out)
        finish(again, log)
        return {"bytes": size, "exit": process.exitcode, "said": said, "unlike": differences(whole, out)}


def damage_and_compare(shop: Workshop, kind: str, times: int, rng: np.random.Generator) -> dict[str, Any]:
    """Damages the last checkpoint of a killed run in ways drawn by lot; each time the one before it must do."""
    whole = shop.whole(kind)
    killed, named, unlike, ways = shop.root / "to-damage", 0, [], Counter[str]()
    process = start(shop.command(kind, killed), killed.with_suffix(".log"))
    while process.exitcode is None and not (killed / "last-1.safetensors").exists():
        process.join(0.02)
    process.join(float(rng.uniform(0, 1)))
    process.kill()
    process.join()
    for number in range(times):
        out = shop.root / f"damaged-{number}"
        shutil.copytree(killed, out)
        last = out / "last.safetensors"
        data = bytearray(last.read_bytes())
        place = int(rng.integers(len(data)))
        way = ("cut off", "one bit turned", "zeros from some place on")[rng.integers(3)]
        if way == "one bit turned":
            data[place] ^= 1 << int(rng.integers(8))
        elif way == "cut off":
            del data[place:]
        else:
            data[place:] = bytes(len(data) - place)
        last.write_bytes(data)
        finish(["train", "--resume", "--out", str(out)], out.with_suffix(".log"))
        named += "passed over" in out.with_suffix(".log").read_text()
        (out / "last-refused.safetensors").unlink(missing_ok=True)
        unlike += differences(whole, out)
        ways[way] += 1
    return {"damaged": times, "ways": dict(ways), "named": named, "unlike": unlike}


def run_all(root: Path, kinds: list[str], kills: int, disks: int, damages: int, seed: int) -> dict[str, Any]:
    """The long version."""
    rng = np.random.default_rng(seed)
    shop, clock = Workshop(root), time.monotonic()
    killed = [kill_and_compare(shop, kind, kills, rng) for kind in kinds]
    first = next(iter(KINDS))
    full: list[dict[str, Any]] | str = []
    try:
        needed = sum(file.stat().st_size for file in shop.whole(first).rglob("*") if file.is_file())
        full = [fill_and_compare(shop, first, int(needed * share)) for share in np.linspace(0.05, 1.2, disks)]
    except PermissionError as error:
        full = f"not done: {error}"
    damaged = damage_and_compare(shop, first, damages, rng)
    return {
        "killed": killed,
        "full_disk": full,
        "damaged": damaged,
        "seed": seed,
        "minutes": round((time.monotonic() - clock) / 60, 1),
        "machine": {**describe(), "torch": torch.__version__, "recyclenet": recyclenet.__version__, "commit": commit()},
    }


def summary(found: dict[str, Any]) -> str:
    """For people."""
    lines = []
    for item in found["killed"]:
        signals = ", ".join(f"{count} {name}" for name, count in sorted(item["by_signal"].items()))
        lines.append(
            f"{item['kind']}: {item['kills']} kills ({signals}) at {item['places']} places, "
            f"{item['while_a_file_was_written']} while a file was written; {item['runs']} runs, "
            f"{_verdict(item['unlike'])}"
        )
    if isinstance(found["full_disk"], str):
        lines.append(f"full disk: {found['full_disk']}")
    else:
        full = [item for item in found["full_disk"] if item["exit"]]
        unlike = [name for item in found["full_disk"] for name in item["unlike"]]
        lines.append(
            f"full disk: {len(full)} of {len(found['full_disk'])} runs ran out of room, exit codes "
            f"{sorted({item['exit'] for item in full})}; {_verdict(unlike)}"
        )
    damaged = found["damaged"]
    ways = ", ".join(f"{count} {way}" for way, count in damaged["ways"].items())
    lines.append(
        f"damaged last checkpoint: {damaged['damaged']} times ({ways}), {damaged['named']} named; "
        f"{_verdict(damaged['unlike'])}"
    )
    return "\n".join(lines)


def _verdict(unlike: list[str]) -> str:
    return f"NOT as the unbroken run: {', '.join(unlike)}" if unlike else "all as the unbroken run, bit for bit"


def main() -> None:
    """Runs everything, prints the summary, writes the figures; exit code 1 where anything was unlike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append", help="to kill runs of; all of them by default")
    parser.add_argument("--kills", type=int, default=20, help="of each kind of run")
    parser.add_argument("--disks", type=int, default=12)
    parser.add_argument("--damages", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recyclenet-chaos-") as folder:
        found = run_all(Path(folder), given.kind or list(KINDS), given.kills, given.disks, given.damages, given.seed)
    write_text(given.out, json.dumps(found, indent=2) + "\n")
    text = summary(found)
    print(text)  # noqa: T201
    raise SystemExit("NOT as" in text)


if __name__ == "__main__":
    main()
