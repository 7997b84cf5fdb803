"""The captured picture's answer, and the original webcam's mistakes in finding it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from recyclenet import Predictor
from recyclenet.checkpoint import save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Model, load_model
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import IMAGENET_MEAN, IMAGENET_STD, PreprocessSpec
from recyclenet.rules import ASK, Rules, default_rules
from recyclenet.webcam.answer import answer_picture


@pytest.fixture
def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))


def model_that(logits_of, classes=TRASHNET_CLASSES):
    return Model("made up", "checkpoint", ModelDescription(ModelConfig(), classes, PreprocessSpec()), logits_of)


def test_answers_as_predict_does(trashnet):
    predictor, rules = Predictor(), default_rules()
    model = load_model(None)
    for label in TRASHNET_CLASSES:
        photo = Image.open(trashnet / "dataset-resized" / label / f"{label}1.jpg").convert("RGB")
        answer, wanted = answer_picture(model, rules, photo), predictor.predict(photo)
        assert (answer.label, answer.bin) == (wanted.label, rules.bin_for(wanted.label))
        assert answer.prob == pytest.approx(wanted.prob, abs=1e-6)


@pytest.mark.parametrize("place", range(6))
def test_every_class_can_be_answered_under_its_own_name(picture, place):
    """The original's list had metal twice and no cardboard."""
    logits = np.zeros((1, 6), np.float32)
    logits[0, place] = 2
    answer = answer_picture(model_that(lambda images: logits), default_rules(), picture)
    assert answer.label == ("glass", "paper", "cardboard", "plastic", "metal", "trash")[place]
    assert answer.prob == pytest.approx(np.exp(2) / (np.exp(2) + 5))
    assert answer.bin == default_rules().bin_for(answer.label) != ASK


def test_names_are_the_models_own(picture):
    model = model_that(lambda images: np.float32([[0, 1]]), ("can", "bag"))
    answer = answer_picture(model, Rules(), picture)
    assert (answer.label, answer.bin) == ("bag", ASK)
    assert str(answer) == "bag, 73.1 %, bin: ask"


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (640, 480), (224, 224), (100, 80)])
def test_the_model_sees_what_it_sees_in_evaluation(rng, size):
    """The original left the evaluation's resize out. The oracle is torchvision."""
    picture = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    seen = []
    answer_picture(model_that(lambda images: seen.append(images) or np.zeros((1, 6))), default_rules(), picture)
    rest = [
        v2.CenterCrop(224),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]
    wanted = v2.Compose([v2.Resize(256), *rest])(picture).numpy()
    assert seen[0].shape == (1, 3, 224, 224)
    assert np.abs(seen[0][0] - wanted).max() < 1e-5
    assert np.abs(v2.Compose(rest)(picture).numpy() - wanted).max() > 0.1  # without it the difference shows


NETWORKS = [
    ModelConfig(arch="resnet18"),
    ModelConfig(arch="resnet18", attn="recyclenet"),
    ModelConfig(arch="resnet34", attn="recyclenet", combine="max"),
    ModelConfig(arch="resnet18", attn="se", attn_at="blocks"),
    ModelConfig(arch="resnet18", attn="cbam", attn_at="blocks"),
]


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: f"{config.arch}-{config.attn}")
def test_one_picture_through_the_network_of_the_checkpoint(tmp_path, picture, config):
    """The original always built a plain ResNet18, and its channel gate failed on one picture alone."""
    torch.manual_seed(0)
    network = create_classifier(config, 6).eval()
    description = ModelDescription(config, TRASHNET_CLASSES, PreprocessSpec(img_size=64, resize=72))
    save_checkpoint(tmp_path / "m.safetensors", network.state_dict(), description)
    answer = answer_picture(load_model(tmp_path / "m.safetensors"), default_rules(), picture)
    images = torch.from_numpy(np.stack([description.preprocess(picture)] * 2))
    with torch.inference_mode():
        prob, place = network(images)[0].softmax(dim=0).max(dim=0)
    assert answer.label == TRASHNET_CLASSES[place]
    assert answer.prob == pytest.approx(float(prob), abs=1e-5)


def test_network_and_images_go_to_the_device(tmp_path, picture):
    """The original dropped the result of .to(device). Tensors on torch's "meta" device have no numbers to read."""
    config = ModelConfig(arch="test_efficientnet", attn="recyclenet")
    description = ModelDescription(config, TRASHNET_CLASSES, PreprocessSpec(img_size=64, resize=72))
    save_checkpoint(tmp_path / "m.safetensors", create_classifier(config, 6).state_dict(), description)

    def devices_of(device):
        found = set()

        def look(module, inputs):
            found.update(tensor.device.type for tensor in (*inputs, *module.parameters(), *module.buffers()))

        model = load_model(tmp_path / "m.safetensors", device)
        with torch.nn.modules.module.register_module_forward_pre_hook(look):
            if device == "meta":
                with pytest.raises(NotImplementedError, match="meta tensor"):
                    answer_picture(model, default_rules(), picture)
            else:
                answer_picture(model, default_rules(), picture)
        return found

    assert devices_of("cpu") == {"cpu"}
    assert devices_of("meta") == {"meta"}


def test_a_device_that_is_not_there(tmp_path):
    with pytest.raises(RecycleNetError, match=r"device 'cuda:99' cannot be used.*try the device cpu"):
        load_model(tmp_path / "m.safetensors", "cuda:99")
    with pytest.raises(RecycleNetError, match="the bundled model runs on the CPU only; only a checkpoint can use"):
        load_model(None, "cuda")
