import numpy as np
import pytest
import torch
from torch.nn import functional

from recyclenet.checkpoint import save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.photo import load_photo
from recyclenet.preprocess import PreprocessSpec
from recyclenet.visualize.inside import look_inside
from recyclenet.visualize.viewer import open_viewer

WIDE = (64, 96)


def build(arch="resnet18", **settings):
    torch.manual_seed(0)
    return create_classifier(ModelConfig(arch=arch, **settings), 3).eval()


def pictures(count=2, size=WIDE):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


def to_peak(maps):
    return maps / maps.amax(dim=(1, 2), keepdim=True)


@pytest.mark.parametrize("attn", ["none", "recyclenet"])
@pytest.mark.parametrize("count", [1, 3])
def test_before_the_head_grad_cam_is_the_evidence(attn, count):
    """The head is linear on the mean: the gradient of a logit is its weights, the same everywhere."""
    model = build(attn=attn)
    maps = look_inside(model, pictures(count), "attention")
    answers = maps.logits.argmax(dim=1)
    rows = torch.arange(count)
    evidence = maps.evidence[rows, answers] - model.head.bias[answers, None, None]
    places = evidence[0].numel()
    assert maps.grad_cam.shape == (count, 2, 3)
    torch.testing.assert_close(maps.grad_cam, evidence.detach().clamp(min=0) / places, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(to_peak(maps.grad_cam), to_peak(evidence.detach().clamp(min=0)))


def test_grad_cam_of_an_inner_layer_by_central_differences():
    """Every channel's mean gradient is half the change of the logit when the whole channel moves up and down by one."""
    model = build("test_efficientnet").double()
    images = pictures(1).double()
    stages = model.backbone
    layer = "backbone.blocks.1"
    found = look_inside(model, images, layer)
    answer = int(found.logits.argmax())

    def logit_when(channel, step):
        def move(_module, _inputs, output):
            output = output.clone()
            output[:, channel] += step
            return output

        handle = stages.blocks[1].register_forward_hook(move)
        with torch.no_grad():
            logit = float(model(images)[0, answer])
        handle.remove()
        return logit

    recorded = []
    handle = stages.blocks[1].register_forward_hook(lambda _module, _inputs, output: recorded.append(output))
    with torch.no_grad():
        model(images)
    handle.remove()
    features = recorded[0][0]
    step = 1e-5
    slopes = torch.tensor(
        [(logit_when(c, step) - logit_when(c, -step)) / (2 * step) for c in range(len(features))], dtype=torch.float64
    )
    weights = slopes / features[0].numel()
    expected = (weights[:, None, None] * features).sum(dim=0).clamp(min=0)
    assert expected.max() > 0
    torch.testing.assert_close(found.grad_cam[0], expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("attn", ["none", "se", "cbam", "recyclenet"])
def test_maps_are_those_of_a_forward_by_hand(attn):
    model, images = build(attn=attn), pictures()
    maps = look_inside(model, images)
    with torch.no_grad():
        features = model.backbone(images)
        attended = model.attention(features)
        logits = model(images)
    torch.testing.assert_close(maps.logits, logits)
    assert torch.equal(maps.features, features)
    torch.testing.assert_close(maps.evidence.mean(dim=(2, 3)), logits)
    kernel = model.head.weight[:, :, None, None]
    torch.testing.assert_close(maps.evidence, functional.conv2d(attended, kernel, model.head.bias).detach())
    if attn == "recyclenet":
        assert torch.equal(maps.gate, model.attention.spatial_gate(features).detach())
    elif attn == "cbam":
        squeezed = model.attention.channel(features)
        torch.testing.assert_close(maps.gate * squeezed, attended)
    else:
        assert maps.gate is None


def test_nothing_stays_behind():
    model, images = build(attn="recyclenet"), pictures()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():  # also inside a caller's no_grad
        look_inside(model, images)
    assert not images.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_frozen_parameters_are_no_obstacle():
    model, images = build(), pictures()
    expected = look_inside(model, images, "backbone.layer2").grad_cam
    model.requires_grad_(False)
    torch.testing.assert_close(look_inside(model, images, "backbone.layer2").grad_cam, expected)
    torch.testing.assert_close(look_inside(model, images, "backbone.conv1").grad_cam.shape, (2, 32, 48))


@pytest.mark.parametrize(
    ("layer", "message"),
    [("head", r"'head' gives \(2, 3\), not maps"), ("drop", "'drop' is not called on its own for an answer")],
)
def test_layers_without_maps_are_refused_and_leave_no_hooks(layer, message):
    model = build()
    with pytest.raises(RecycleNetError, match=message):
        look_inside(model, pictures(), layer)
    assert not any(module._forward_hooks for module in model.modules())


def save(path, model, config, size):
    spec = PreprocessSpec(img_size=size, resize=size + 8)
    save_checkpoint(path, model.state_dict(), ModelDescription(config, ("a", "b", "c"), spec))
    return path


def test_panels_of_a_checkpoint(tmp_path, class_folders):
    config = ModelConfig(arch="resnet18", attn="recyclenet")
    model = build(attn="recyclenet")
    viewer = open_viewer(save(tmp_path / "m.safetensors", model, config, 96))
    photo = class_folders / "glass" / "glass3.jpg"
    panels = viewer.look(str(photo))
    spec = viewer.model.description.preprocess
    images = torch.from_numpy(spec(load_photo(photo))[None])
    with torch.no_grad():
        probs = model(images).softmax(dim=1)[0]
        features = model.backbone(images)
        gate = model.attention.spatial_gate(features)
    assert panels.view.size == (96, 96)
    assert (panels.label, panels.index) == ("abc"[int(probs.argmax())], int(probs.argmax()))
    assert panels.prob == pytest.approx(float(probs.max()), abs=1e-6)
    np.testing.assert_allclose(panels.features, features[0].mean(dim=0), atol=1e-6)
    np.testing.assert_array_equal(panels.gate, gate[0, 0])
    assert panels.evidence.shape == (3, 3, 3)
    assert panels.grad_cam.shape == (3, 3)
    np.testing.assert_allclose(viewer.model.logits_of(images.numpy()), model(images).detach(), atol=1e-6)


def test_an_unknown_layer_names_the_file_and_near_matches(tmp_path):
    path = save(tmp_path / "m.safetensors", build(), ModelConfig(arch="resnet18"), 64)
    assert open_viewer(path, "layer2").layer == "backbone.layer2"
    with pytest.raises(RecycleNetError, match=r"m\.safetensors: unknown layer 'layer22'; did you mean layer2"):
        open_viewer(path, "layer22")
