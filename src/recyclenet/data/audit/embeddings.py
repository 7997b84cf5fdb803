"""Photos as a model sees them: a row of numbers each, in which like lies near like."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recyclenet.predictor import Predictor

_BATCH = 8


class Embedder:
    """Collects embeddings one photo at a time, and runs the model on a few at once.

    An embedding is the model's pooled features where its file gives them (an output `features`), else its logits with
    maximum and standard deviation over places of each class's evidence: fewer numbers, and less general ones.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._waiting: list[NDArray[np.float32]] = []
        self._done: list[NDArray[np.float32]] = []

    def add(self, photo: Image.Image) -> None:
        """An upright RGB photo."""
        self._waiting.append(self._predictor.preprocess(photo))
        if len(self._waiting) == _BATCH:
            self._run()

    def finish(self) -> NDArray[np.float32]:
        """(N, C), in the order in which the photos came."""
        if self._waiting:
            self._run()
        return np.concatenate(self._done) if self._done else np.zeros((0, 1), np.float32)

    def _run(self) -> None:
        self._done.append(embed(self._predictor, np.stack(self._waiting)))
        self._waiting.clear()


def embed(predictor: Predictor, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (N, 3, H, W) → (N, C)."""
    # A predictor that knows of features gives all outputs at once.
    logits, evidence, *features = getattr(predictor, "outputs", predictor.run)(images)
    if features and features[0] is not None:
        return np.asarray(features[0], np.float32)
    places = evidence.reshape(*evidence.shape[:2], -1)
    return np.concatenate([logits, places.max(axis=2), places.std(axis=2)], axis=1).astype(np.float32)
