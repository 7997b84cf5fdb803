"""Panels as pictures: one figure a photo, and one sheet of all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recyclenet.config import ModelConfig
from recyclenet.pictures.heatmap import heat, mosaic, overlay, stretch
from recyclenet.pictures.panel_sheet import Group, Panel, Row, panel_sheet
from recyclenet.visualize.viewer import Panels, Viewer

VIEW, FEATURES, GATE, EVIDENCE, GRAD_CAM = "what it sees", "features", "spatial gate", "evidence", "Grad-CAM"

FIGURE_SIDE = 224  # of one picture in a photo's own figure, in pixels: the usual input, pixel for pixel
SHEET_SIDE = 128  # of one on the sheet of all


def photo_group(title: str, truth: str | None, viewers: Sequence[Viewer], panels: Sequence[Panels]) -> Group:
    """One photo's rows, a model each.

    Args:
        title: the photo's name.
        truth: its true label, where known.
        viewers: the models.
        panels: what each of them makes of the photo.
    """
    rows = [
        Row(
            name=viewer.model.description.model.arch,
            remark=_attention(viewer.model.description.model),
            # Runs are told apart by their folders, whose files have the same names.
            source="/".join(Path(viewer.model.name).parts[-2:]),
            answer=f"{made.label} {100 * made.prob:.1f} %",
            right=None if truth is None else made.label == truth,
            panels=_pictures(viewer, made),
        )
        for viewer, made in zip(viewers, panels, strict=True)
    ]
    return Group(title, "" if truth is None else f"true label: {truth}", rows)


def draw_groups(groups: Sequence[Group], viewers: Sequence[Viewer], *, side: int) -> Image.Image:
    """The figure; a column that has no picture in any row is left out."""
    rows = [row for group in groups for row in group.rows]
    columns = [title for title in _LEGEND if any(row.panels[title].picture is not None for row in rows)]
    layers = dict.fromkeys(_LAYERS.get(viewer.layer, viewer.layer) for viewer in viewers if viewer.layer is not None)
    legend = [_LEGEND[title].format(layers=" and ".join(layers)) for title in columns if _LEGEND[title]]
    return panel_sheet(groups, columns, legend, side=side)


_LAYERS = {"backbone": "the last block"}

# All columns in order, with their line beside the colour bar.
_LEGEND = {
    VIEW: "",
    FEATURES: "features: mean of the last block's channels; 0 is the least and 1 the greatest value of each picture",
    GATE: "spatial gate: its own values, on the same scale in every picture",
    EVIDENCE: "evidence: for the answer, above the mean of all classes; 1 is the strongest place of each picture",
    GRAD_CAM: "Grad-CAM: for the answer, at {layers}; 1 is the strongest place of each picture",
}


def _attention(config: ModelConfig) -> str:
    if config.attn == "none":
        return "no attention"
    return f"+ {config.attn}{' in every block' if config.attn_in_blocks else ''}"


def _pictures(viewer: Viewer, made: Panels) -> dict[str, Panel]:
    view = made.view
    unread = "not in an .onnx file" if viewer.layer is None else "none in this network"
    return {
        VIEW: Panel(view, f"{view.width} pixels square"),
        FEATURES: _map_panel(made.features, None if made.features is None else stretch(made.features), view, unread),
        GATE: _map_panel(made.gate, made.gate, view, unread),
        EVIDENCE: Panel(overlay(view, heat(made.evidence, made.index)), f"for {made.label}"),
        GRAD_CAM: (
            Panel(None, unread)
            if made.grad_cam is None
            else Panel(overlay(view, _to_peak(made.grad_cam)), f"for {made.label}")
        ),
    }


def _map_panel(
    values: NDArray[np.float32] | None, shown: NDArray[np.float32] | None, view: Image.Image, unread: str
) -> Panel:
    """The cells of a map in colour, with the range of its values; `shown` is the map in [0, 1]."""
    if values is None or shown is None:
        return Panel(None, unread)
    return Panel(mosaic(shown, view.size), f"{values.min():.2f} to {values.max():.2f}")


def _to_peak(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map of values of at least 0, its greatest as 1."""
    peak = values.max()
    return np.asarray(values / peak if peak > 0 else values, dtype=np.float32)
