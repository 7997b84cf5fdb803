"""RecycleNet: which bin does it go in? A trash classifier that answers without torch.

>>> from recyclenet import Predictor
>>> Predictor().predict("bottle.jpg").label  # doctest: +SKIP
'glass'
"""

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` for it would take longer than all else here
if TYPE_CHECKING:
    from typing import Any

    from recyclenet.errors import MissingExtraError, PhotoError, RecycleNetError
    from recyclenet.photo import load_photo
    from recyclenet.predictor import Prediction, Predictor

__version__ = "0.1.0"

__all__ = ["MissingExtraError", "PhotoError", "Prediction", "Predictor", "RecycleNetError", "load_photo"]

_LAZY = {
    "MissingExtraError": "recyclenet.errors",
    "PhotoError": "recyclenet.errors",
    "RecycleNetError": "recyclenet.errors",
    "Prediction": "recyclenet.predictor",
    "Predictor": "recyclenet.predictor",
    "load_photo": "recyclenet.photo",
}


def __getattr__(name: str) -> "Any":
    # onnxruntime, numpy and Pillow load when they are first asked for, so that --help does not wait for them. The
    # errors, too: while this file loads, nothing can yet make Ctrl-C end a command quietly.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
