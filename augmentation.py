"""The original's command: augmented copies of every photo of class folders, by `recyclenet augment`."""

import sys

from recyclenet.cli import main
from recyclenet.entry import run_command
from recyclenet.original.options import Parser


def translate() -> None:
    """Puts the words of `recyclenet augment` in place of the original's flags."""
    parser = Parser(prog="augmentation.py", description=__doc__)
    parser.add_argument("--root_dir", default="dataset-resized/", help="folder with a folder of photos for each class")
    parser.add_argument("--save_dir", default="augmented/", help="a new folder for the copies")
    parser.add_argument("--probability", default="low", help="low (0.1), mid (0.3) or high (0.5)")
    parser.add_argument("--seed", default=1234, type=int, help="same seed, same bytes")
    given = parser.parse_args()
    options = ["--probability", given.probability, "--seed", str(given.seed), "--split", "all", "--no-originals"]
    sys.argv = ["recyclenet", "augment", *options, "--", given.root_dir, given.save_dir]


if __name__ == "__main__":
    run_command(translate)
    main()
