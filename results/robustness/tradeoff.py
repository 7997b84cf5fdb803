"""Draws what each mix has of val and of the web photos, by its share of the start: tradeoff.json to tradeoff.png.

python results/robustness/tradeoff.py
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from recyclenet.atomic import replace_file

HERE = Path(__file__).parent


def main() -> None:
    """Reads, draws, writes."""
    found = json.loads((HERE / "tradeoff.json").read_text(encoding="utf-8"))
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for curve in found["curves"]:
        val, web = ([100 * right / found[f"{name}_total"] for right in curve[name]] for name in ("val", "web"))
        axes.plot(val, web, marker="o", label=curve["name"])
        for share, x, y in zip(curve["start"], val, web, strict=True):
            if share:
                axes.annotate(f"{share} %", (x, y), textcoords="offset points", xytext=(5, 4), fontsize=8)
    axes.set(
        xlabel=f"TrashNet, val: right of {found['val_total']}, %",
        ylabel=f"web photos: right of {found['web_total']}, %",
        title="Mixes of runs with the start that they share; beside a point the start's share",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    with replace_file(HERE / "tradeoff.png") as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    main()
