"""The weights that a run starts from: pretrained ones, or a trained model's, on to new photos, views or classes."""

from collections.abc import Callable

from recyclenet.checkpoint import Checkpoint, fill, read_checkpoint
from recyclenet.config import TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.models.pretrained import load_pretrained
from recyclenet.recipes import differences

_HEAD = "head."


def load_start(model: Classifier, config: TrainConfig, classes: tuple[str, ...], note: Callable[[str], None]) -> None:
    """Fills a new network, in place, with what its configuration names.

    A trained model's head is taken only where it answers with the same classes.

    Raises:
        RecycleNetError: as `load_pretrained` and `read_checkpoint`; or the model is of another network than asked for.
    """
    if config.init:
        start = _read(config)
        same = start.description.classes == classes
        own = {} if same else {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_HEAD)}
        fill(model, start.weights | own, config.init)
        note(f"starting from {config.init}, {'with its head' if same else 'but for its head: it has other classes'}")
    elif config.pretrained != "none":
        note(f"loading pretrained weights: {config.pretrained}")
        note(f"pretrained: {load_pretrained(model.backbone, config.model, config.pretrained)}")


def starts_with_head(config: TrainConfig, classes: tuple[str, ...]) -> bool:
    """Whether the head comes with the weights, too."""
    return bool(config.init) and _read(config).description.classes == classes


def _read(config: TrainConfig) -> Checkpoint:
    checkpoint = read_checkpoint(config.init)
    if changed := differences(checkpoint.description.model, config.model):
        raise RecycleNetError(
            f"{config.init} is of another network than asked for: {', '.join(changed)}. Leave these options out, or "
            "start from --pretrained instead"
        )
    return checkpoint
