"""The original's command: augmented copies of every photo of class folders, by `recyclenet augment`."""

import argparse
import sys

from recyclenet.cli import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root_dir", default="dataset-resized/", help="folder with a folder of photos for each class")
    parser.add_argument("--save_dir", default="augmented/", help="a new folder for the copies")
    parser.add_argument("--probability", default="low", help="low (0.1), mid (0.3) or high (0.5)")
    parser.add_argument("--seed", default=1234, type=int, help="same seed, same bytes")
    given = parser.parse_args()
    options = ["--probability", given.probability, "--seed", str(given.seed), "--split", "all", "--no-originals"]
    sys.argv = ["recyclenet", "augment", *options, "--", given.root_dir, given.save_dir]
    main()
