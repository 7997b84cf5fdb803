"""Commands that need more than the core say so in one line instead of an ImportError."""

from importlib.util import find_spec

from recyclenet.errors import MissingExtraError

_NEEDED = {
    "adapt": ("onnx",),
    "augment": ("albumentations", "albucore"),
    "bulk": ("pyarrow", "fsspec"),
    "ray": ("ray", "pyarrow", "fsspec"),
    "serve": ("fastapi", "uvicorn", "python_multipart"),
    "train": (
        "torch",
        "torchvision",
        "timm",
        "safetensors",
        "scipy",
        "onnx",
        "onnxscript",
        "matplotlib",
        "tensorboard",
    ),
    "webcam": ("cv2",),
}


def require_extra(extra: str, what: str) -> None:
    """Checks, without importing anything, that an extra is installed.

    Raises:
        MissingExtraError: it is not; the message has the install line.
    """
    if any(find_spec(name) is None for name in _NEEDED[extra]):
        raise MissingExtraError(what, extra)
