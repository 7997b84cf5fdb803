"""What mixes of checkpoints have of val, to choose by, and of photos from elsewhere.

python results/robustness/mixes.py SIDE TRASHNET WEB_PHOTOS MIX...

A mix is FILE:SHARE+FILE:SHARE…, shares as of `recyclenet soup`, or one FILE; all see squares of SIDE pixels. Prints a
table in Markdown, a line each; README.md here holds several.
"""

import sys
import tempfile
from pathlib import Path

from recyclenet.data.folder import open_photo_folder
from recyclenet.evaluate import evaluate, load_model
from recyclenet.soup import mix, part_of
from recyclenet.stress.elsewhere import measure_elsewhere


def parts_of(text: str) -> list[tuple[Path, float]]:
    """Files and shares; one file is the mean of itself."""
    parts = [part_of(part) for part in text.split("+")]
    return parts if len(parts) > 1 else 2 * parts


def main() -> None:
    """Mixes, measures, forgets."""
    side, trashnet, web, *mixes = sys.argv[1:]
    folder, say = open_photo_folder(trashnet), sys.stdout.write
    for number, text in enumerate(mixes):
        with tempfile.TemporaryDirectory() as place:
            mixed = Path(place, "mix.safetensors")
            mix(parts_of(text), mixed, view=(int(side), int(side)))
            model = load_model(mixed)
            val = evaluate(model, folder, "val").scores
            found = measure_elsewhere(model, Path(web))
        if not number:
            names = " | ".join(item.name for item in found.places)
            say(f"| mix, at {side} px | val, of {val.total} | NLL | elsewhere, of {found.total} | {names} |\n")
            say("|---" * (4 + len(found.places)) + "|\n")
        counts = " | ".join(str(item.correct) for item in found.places)
        share = f"{found.correct} = {100 * found.correct / found.total:.1f} %"
        say(f"| {text} | {val.correct} | {val.nll:.3f} | {share} | {counts} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
