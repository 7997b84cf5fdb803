"""What goes into a model of this project and what comes out: whether a file's inputs and outputs are that."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError

_FLOATS = "tensor(float)"


class Slot(Protocol):
    """An input or output, as a file declares it or as onnxruntime infers it."""

    @property
    def name(self) -> str:
        """As the graph calls it."""

    @property
    def type(self) -> str:
        """As in "tensor(float)"."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """A number where a side has that length, else a name or None."""


def check_signature(inputs: Iterable[Slot], outputs: Iterable[Slot], description: ModelDescription, name: str) -> None:
    """Whether a model takes and gives what its own description makes one expect.

    Args:
        inputs: those without a value of their own.
        outputs: all of them.
        description: of the file.
        name: how errors call the file.

    Raises:
        RecycleNetError: it does not; says what was expected and what was found.
    """
    size, count = description.preprocess.img_size, len(description.classes)
    taken, given = {item.name: item for item in inputs}, {item.name: item for item in outputs}
    fits = (
        list(taken) == ["images"]
        and _is_floats(taken["images"], 4)
        and list(taken["images"].shape[1:]) == [3, size, size]
        and {"logits", "cam"} <= set(given)
        and _is_floats(given["logits"], 2)
        and given["logits"].shape[1] == count
        and _is_floats(given["cam"], 4)
        and given["cam"].shape[1] == count
        # A map finer than the picture is no evidence, but can be any amount of memory.
        and all(not isinstance(side, int) or 0 < side <= size for side in given["cam"].shape[2:])
        and ("features" not in given or _is_floats(given["features"], 2))
        and ("features" not in given or isinstance(given["features"].shape[1], int))
    )
    if not fits:
        found = [(item.name, item.type, list(item.shape)) for item in (*taken.values(), *given.values())]
        raise RecycleNetError(
            f"{name}: expected images (N, 3, {size}, {size}) → logits (N, {count}) and cam "
            f"(N, {count}, h, w), and features (N, C) if any, all float32, found {str(found)[:600]}"
        )
    unknown = None if description.calibration is None else description.calibration.unknown
    if unknown is not None and "features" in given and given["features"].shape[1] != unknown.features:
        raise RecycleNetError(
            f"{name}: its unknown score is for {unknown.features} features, but the model gives "
            f"{given['features'].shape[1]}: run 'recyclenet calibrate' on it"
        )


def _is_floats(slot: Slot, rank: int) -> bool:
    """Whether it is float32 with so many sides, the first of which is any number of photos."""
    return slot.type == _FLOATS and len(slot.shape) == rank and not isinstance(slot.shape[0], int)
