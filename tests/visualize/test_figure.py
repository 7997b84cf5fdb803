import numpy as np
import pytest
from PIL import Image

from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.evaluate import Model
from recyclenet.pictures.heatmap import heat, mosaic, overlay
from recyclenet.preprocess import PreprocessSpec
from recyclenet.visualize.figure import draw_groups, photo_group
from recyclenet.visualize.viewer import Panels, Viewer

ALL = ["what it sees", "features", "spatial gate", "evidence", "Grad-CAM"]


def viewer(layer="backbone", name="runs/a/best.safetensors", **settings):
    description = ModelDescription(ModelConfig(**settings), ("a", "b"), PreprocessSpec())
    return Viewer(Model(name, "checkpoint", description, lambda images: images), lambda _path: None, layer)


@pytest.fixture
def panels(rng):
    """A map wider than high: 3 by 4 cells."""
    return Panels(
        label="b",
        prob=0.875,
        index=1,
        view=Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)),
        evidence=rng.normal(size=(2, 3, 4)).astype(np.float32),
        features=(10 * rng.random((3, 4)) - 3).astype(np.float32),
        gate=rng.random((3, 4), np.float32) / 2,
        grad_cam=20 * rng.random((3, 4), np.float32),
    )


def same(picture, expected):
    return np.array_equal(np.asarray(picture), np.asarray(expected))


def test_each_panel_shows_its_map(panels):
    group = photo_group("p.jpg", "b", [viewer()], [panels])
    shown = group.rows[0].panels
    assert list(shown) == ALL
    assert same(shown["what it sees"].picture, panels.view)
    spread = (panels.features - panels.features.min()) / np.ptp(panels.features)
    assert same(shown["features"].picture, mosaic(spread, (64, 64)))
    assert shown["features"].caption == f"{panels.features.min():.2f} to {panels.features.max():.2f}"
    assert same(shown["evidence"].picture, overlay(panels.view, heat(panels.evidence, 1)))
    assert same(shown["Grad-CAM"].picture, overlay(panels.view, panels.grad_cam / panels.grad_cam.max()))
    assert shown["evidence"].caption == shown["Grad-CAM"].caption == "for b"


def test_the_gate_is_shown_with_its_own_values(panels):
    """Read back from the picture: the colour at the middle of each cell is the scale's at the gate's value."""
    shown = photo_group("p.jpg", None, [viewer()], [panels]).rows[0].panels["spatial gate"]
    scale = np.asarray(mosaic(np.linspace(0, 1, 1001, dtype=np.float32)[None], (1001, 1)))[0].astype(int)
    pixels = np.asarray(shown.picture).astype(int)
    for (row, column), value in np.ndenumerate(panels.gate):
        middle = pixels[round((row + 0.5) * 64 / 3), round((column + 0.5) * 64 / 4)]
        read = np.abs(scale - middle).sum(axis=1).argmin() / 1000
        assert read == pytest.approx(value, abs=0.01)
    assert shown.caption == f"{panels.gate.min():.2f} to {panels.gate.max():.2f}"


def test_a_row_says_which_model_and_whether_it_is_right(panels):
    plain = viewer(arch="resnet34", name="/home/me/runs/plain/best.safetensors")
    attending = viewer(attn="cbam", attn_at="blocks")
    known = photo_group("p.jpg", "a", [plain, attending], [panels, panels])
    assert [row.right for row in known.rows] == [False, False]
    assert known.remark == "true label: a"
    first, second = known.rows
    assert (first.name, first.remark, first.source) == ("resnet34", "no attention", "plain/best.safetensors")
    assert (second.name, second.remark) == ("resnet18", "+ cbam in every block")
    assert first.answer == "b 87.5 %"
    assert photo_group("p.jpg", "b", [plain], [panels]).rows[0].right is True
    unknown = photo_group("p.jpg", None, [plain], [panels])
    assert (unknown.rows[0].right, unknown.remark) == (None, "")


def test_what_a_network_does_not_have_is_said(panels):
    bare = Panels(panels.label, panels.prob, panels.index, panels.view, panels.evidence)
    group = photo_group("p.jpg", None, [viewer(layer=None)], [bare])
    captions = {title: panel.caption for title, panel in group.rows[0].panels.items() if panel.picture is None}
    assert captions == dict.fromkeys(["features", "spatial gate", "Grad-CAM"], "not in an .onnx file")
    no_gate = Panels(**{**vars(panels), "gate": None})
    gate = photo_group("p.jpg", None, [viewer()], [no_gate]).rows[0].panels["spatial gate"]
    assert (gate.picture, gate.caption) == (None, "none in this network")


def test_columns_without_any_picture_are_left_out(panels):
    bare = Panels(panels.label, panels.prob, panels.index, panels.view, panels.evidence)
    full, exported = viewer(), viewer(layer=None)
    of_both = draw_groups([photo_group("p", None, [full, exported], [panels, bare])], [full, exported], side=64)
    of_one = draw_groups([photo_group("p", None, [full], [panels])], [full], side=64)
    of_exported = draw_groups([photo_group("p", None, [exported], [bare])], [exported], side=64)
    assert of_both.width == of_one.width == 24 + 210 + 5 * 76
    assert of_exported.width == 24 + 210 + 2 * 76


@pytest.mark.parametrize("name", ["gate", "features", "grad_cam"])
def test_even_and_empty_maps_are_cold(name, panels):
    even = Panels(**{**vars(panels), name: np.zeros((3, 4), np.float32)})
    group = photo_group("p.jpg", None, [viewer()], [even])
    title = {"gate": "spatial gate", "features": "features", "grad_cam": "Grad-CAM"}[name]
    zeros = np.zeros((3, 4), np.float32)
    cold = overlay(panels.view, zeros) if name == "grad_cam" else mosaic(zeros, (64, 64))
    assert same(group.rows[0].panels[title].picture, cold)
