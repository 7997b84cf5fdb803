"""What a model file says of itself: enough to rebuild it, feed it and judge it, as JSON."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from recyclenet.calibration import Calibration
from recyclenet.config import ModelConfig, Scalar
from recyclenet.errors import RecycleNetError
from recyclenet.preprocess import PreprocessSpec
from recyclenet.strict import from_dict

METADATA_KEY = "recyclenet"
"""Under this key the JSON stands in the metadata of safetensors and ONNX files."""

FORMAT = 1


@dataclass(frozen=True)
class ModelDescription:
    """A trained model in words.

    Attributes:
        model: the network's configuration.
        classes: names in the order of the logits.
        preprocess: how a photo becomes its input.
        metrics: measured on the val split of the training data, e.g. {"val_correct": 300, "val_total": 328}.
        data: {"name": folder's name, "fingerprint": SHA-256 over its photos and split}.
        training: recipe, seed, epoch and the like.
        version: the program's version that wrote it.
        format: of this description; a reader refuses later ones.
        quantization: how the weights were made small, e.g. {"weights": "int8", "photos": 256}; empty: they are floats.
        calibration: how far its answers can be trusted; None until `recyclenet calibrate` has fitted it.
    """

    model: ModelConfig
    classes: tuple[str, ...]
    preprocess: PreprocessSpec
    metrics: dict[str, Scalar] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    training: dict[str, Scalar] = field(default_factory=dict)
    version: str = ""
    format: int = FORMAT
    quantization: dict[str, Scalar] = field(default_factory=dict)
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= 10_000 or len(set(self.classes)) != len(self.classes):
            raise RecycleNetError(f"a model needs 2 to 10,000 distinct classes, not {len(self.classes)}")
        if not all(0 < len(name) <= 200 and name.isprintable() for name in self.classes):
            raise RecycleNetError("a class name must have 1 to 200 printable characters")
        if not all(math.isfinite(value) for value in self.metrics.values() if isinstance(value, float)):
            raise RecycleNetError("metrics must be finite numbers")

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> "ModelDescription":
        """Parses and checks; `where` names the file in errors.

        Raises:
            RecycleNetError: not JSON, of a later format, or with unknown, missing or ill-typed values.
        """
        try:
            table: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecycleNetError(f"{where}: its description is not JSON ({error})") from error
        if isinstance(table, dict) and isinstance(table.get("format"), int) and table["format"] > FORMAT:
            raise RecycleNetError(
                f"{where}: written by a later recyclenet (format {table['format']}): upgrade to read it"
            )
        return from_dict(cls, table, where)
