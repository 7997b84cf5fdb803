"""Right answers of several trained networks, one by one, and of the mean of their probabilities.

python results/robustness/together.py SPLIT TRASHNET MODEL...

Each sees the view of its own size. Prints a table in Markdown; README.md here holds one.
"""

import sys

import numpy as np

from recyclenet.data.folder import open_photo_folder
from recyclenet.evaluate import evaluate, load_model
from recyclenet.metrics import softmax, wilson_interval


def main() -> None:
    """Measures each, then all together."""
    split, trashnet, *names = sys.argv[1:]
    folder = open_photo_folder(trashnet)
    say = sys.stdout.write
    say("| network | right | 95 % interval | NLL |\n|---|---|---|---|\n")
    every = []
    for name in names:
        found = evaluate(load_model(name), folder, split)
        every.append(softmax(found.logits.astype(np.float64)))
        _line(name, every[-1], found.targets)
    _line("mean of probabilities", np.mean(every, axis=0), found.targets)


def _line(name: str, probs: np.ndarray, targets: np.ndarray) -> None:
    right = int((probs.argmax(axis=1) == targets).sum())
    low, high = (100 * edge for edge in wilson_interval(right, len(targets)))
    share = f"{right} of {len(targets)} = {100 * right / len(targets):.1f} %"
    nll = -np.log(probs[np.arange(len(targets)), targets]).mean()
    sys.stdout.write(f"| {name} | {share} | {low:.1f}–{high:.1f} | {nll:.3f} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
