"""What is on one picture of a camera: the model's own answer, and the bin for it."""

from dataclasses import dataclass

from PIL import Image

from recyclenet.calibration import calibrated_probs
from recyclenet.evaluate import Model
from recyclenet.rules import Bin, Rules


@dataclass(frozen=True)
class Answer:
    """The most likely class, its probability in [0, 1], and where to throw it."""

    label: str
    prob: float
    bin: Bin

    def __str__(self) -> str:
        return f"{self.label}, {100 * self.prob:.1f} %, bin: {self.bin.name}"


def answer_picture(model: Model, rules: Rules, picture: Image.Image) -> Answer:
    """Answers for a picture (RGB, any size) as `evaluate` and `predict` answer for a photo of these pixels.

    Classes and preprocessing are the model file's own.
    """
    images = model.description.preprocess(picture)[None]
    probs = calibrated_probs(model.logits_of(images), model.description.calibration)[0]
    best = int(probs.argmax())
    label = model.description.classes[best]
    return Answer(label, float(probs[best]), rules.bin_for(label))
