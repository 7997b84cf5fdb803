"""The weights that a run starts from, where they are a trained model's: on to new photos, views or classes."""

from recyclenet.checkpoint import Checkpoint, fill, read_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.recipes import differences

_HEAD = "head."


def read_start(path: str, model: ModelConfig) -> Checkpoint:
    """A trained model to start from.

    Raises:
        RecycleNetError: as `read_checkpoint`; or it is of another network than `model`, each difference shown.
    """
    checkpoint = read_checkpoint(path)
    if changed := differences(checkpoint.description.model, model):
        raise RecycleNetError(
            f"{path} is of another network than asked for: {', '.join(changed)}. Leave these options out, or start "
            "from --pretrained instead"
        )
    return checkpoint


def start_from(model: Classifier, start: Checkpoint, classes: tuple[str, ...], where: str) -> bool:
    """Fills a network with a trained one's weights, in place; the head only where it answers with the same classes.

    Returns:
        Whether the head came with it.

    Raises:
        RecycleNetError: the weights do not fit the network that they describe.
    """
    same = start.description.classes == classes
    weights = start.weights
    if not same:
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(_HEAD)}
        weights |= {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_HEAD)}
    fill(model, weights, where)
    return same
