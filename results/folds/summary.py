"""Puts the evaluations of five folds into the README's table of a recipe.

python results/folds/summary.py RECIPE FOLD1.json … FOLD5.json
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from recyclenet.atomic import write_text
from recyclenet.metrics import wilson_interval

HERE = Path(__file__).parent


def table(folds: list[dict[str, Any]]) -> str:
    """Lines of Markdown: each fold, their mean and standard deviation, and all photos together."""
    lines = ["| fold | test correct | accuracy | macro-F1 |", "|---|---|---|---|"]
    for number, fold in enumerate(folds, start=1):
        share = f"{fold['correct']} of {fold['total']} | {100 * fold['accuracy']:.1f} %"
        lines.append(f"| {number} | {share} | {fold['macro_f1']:.3f} |")
    shares = [100 * fold["accuracy"] for fold in folds]
    scores = [fold["macro_f1"] for fold in folds]
    correct, total = sum(fold["correct"] for fold in folds), sum(fold["total"] for fold in folds)
    low, high = (100 * edge for edge in wilson_interval(correct, total))
    lines.append(
        f"| **mean ± sd** | | **{statistics.mean(shares):.1f} ± {statistics.stdev(shares):.1f} %** | "
        f"{statistics.mean(scores):.3f} ± {statistics.stdev(scores):.3f} |"
    )
    lines.append(f"| all | {correct} of {total} | {100 * correct / total:.1f} % ({low:.1f}–{high:.1f}) | |")
    return "\n".join(lines)


def main() -> None:
    """Reads, computes, writes."""
    recipe, *names = sys.argv[1:]
    folds = [json.loads(Path(name).read_text(encoding="utf-8")) for name in names]
    kept = ("correct", "total", "accuracy", "macro_f1", "nll", "ece", "fingerprint")
    write_text(
        HERE / f"{recipe}.json", json.dumps([{key: fold[key] for key in kept} for fold in folds], indent=2) + "\n"
    )
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    before, mark, after = readme.partition(f"<!-- {recipe} -->\n")
    _, end, rest = after.partition("<!-- end -->")
    write_text(HERE / "README.md", f"{before}{mark}{table(folds)}\n{end}{rest}")


if __name__ == "__main__":
    main()
