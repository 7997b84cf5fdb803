"""The rings of the house: inner files never import outer ones, and answering never needs the training stack."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import recyclenet

SOURCE = Path(recyclenet.__file__).parent

# Ring of each module or package below recyclenet; the most specific name counts.
RINGS = {
    "errors": 0, "atomic": 0, "labels": 0, "strict": 0, "config": 0, "recipes": 0, "rules": 0, "configs": 0,
    "bundled": 0, "machine": 0, "extras": 0, "entry": 0, "ahead": 0, "lock": 0, "toml_file": 0, "json_file": 0,
    "onnx_file": 0, "process_pool": 0, "model_files": 0, "training.interrupt": 0,
    "photo": 1, "photo_structure": 1, "rgb": 1, "preprocess": 1, "description": 1, "predictor": 1, "metrics": 1,
    "outputs": 1, "evaluate": 1, "report": 1, "model_card": 1, "model_card_results": 1,
    "pictures": 1, "comparison": 1, "parity": 1, "conformal": 1, "calibration": 1, "calibrate": 1,
    "selective": 1, "answers": 1, "trust": 1, "sorting": 1, "unknown": 1, "unknown_fit": 1,
    "encoded": 1, "class_directions": 1, "signature": 1, "bulk": 1, "page": 1, "site": 1, "redescribe": 3,
    "ablation": 3, "ablation.suites": 0, "ablation.published": 0, "ablation.results": 0, "ablation.tables": 1,
    "data": 1, "data.batches": 2, "data.transforms": 2, "data.staging": 2, "data.features": 2,
    "data.draws": 2, "data.held": 2,
    "models": 2, "torch_file": 2, "tensor_file": 2,
    "adapt": 3, "augment": 3, "bench": 3, "soup": 3, "stress": 3, "stress.elsewhere": 1, "stress.lines": 1,
    "checkpoint": 3, "checkpoint_model": 3, "export": 3, "quantize": 3, "training": 3, "visualize": 3,
    "original": 3, "original.main_command": 4, "original.webcam_command": 4, "webcam": 4, "cli": 4, "__main__": 4,
    "serve": 4,
}  # fmt: skip
FOREIGN = {
    0: set(),
    1: {"numpy", "PIL", "onnxruntime", "platformdirs", "pi_heif", "pyarrow", "fsspec", "ray"},
    2: {"numpy", "PIL", "scipy", "torch", "torchvision", "timm", "safetensors"},
    3: {
        "numpy",
        "PIL",
        "torch",
        "timm",
        "safetensors",
        "onnx",
        "onnxscript",
        "matplotlib",
        "rich",
        "albumentations",
        "cv2",
    },
    4: {"typer", "rich", "fastapi", "starlette", "pydantic", "python_multipart", "uvicorn"},
}
# Read when a checkpoint is evaluated, a card asks for stress or, where torch is there, for parameters; never otherwise.
EXCEPTIONS = {
    ("evaluate", "checkpoint_model"),
    ("model_card", "stress.job"),
    ("model_card", "models.summary"),
    ("stress.lines", "stress.job"),
}


def module_name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def ring(name):
    while name not in RINGS:
        name, dot, _ = name.rpartition(".")
        assert dot, f"{name} has no ring: add it to RINGS"
    return RINGS[name]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_inwards(path):
    name = module_name(path)
    own = ring(name)
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top == "recyclenet" and rest:
            assert (name, rest) in EXCEPTIONS or ring(rest) <= own, f"{name} (ring {own}) imports {rest}"
            assert rest.partition(".")[0] != "cli" or name.startswith("cli") or name == "__main__"
        elif top != "recyclenet" and top not in sys.stdlib_module_names:
            allowed = set().union(*(FOREIGN[inner] for inner in range(own + 1)))
            assert top in allowed, f"{name} (ring {own}) imports {top}"


def test_models_and_data_never_meet():
    for path in FILES:
        name = module_name(path)
        if name.startswith("models"):
            assert not any(item.startswith("recyclenet.data") for item in imports(path)), name
        if name.startswith("data"):
            assert not any(item.startswith("recyclenet.models") for item in imports(path)), name


def test_answering_loads_no_torch():
    code = "import sys, recyclenet; recyclenet.Predictor(); assert 'torch' not in sys.modules, 'torch was loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_answering_tells_nobody(tmp_path):
    """onnxruntime would keep a device's number and a queue of reports in the user's cache, and send them."""
    code = (
        "import numpy, recyclenet; p = recyclenet.Predictor(); side = p.preprocess.img_size\n"
        "p.run(numpy.zeros((1, 3, side, side), 'float32'))"
    )
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **places})
    assert list(tmp_path.rglob("*")) == []


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, recyclenet\n"
        "loaded = {'torch', 'timm', 'onnxruntime', 'numpy', 'PIL', 'typer', 'rich'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names():
    assert sorted(recyclenet.__all__) == [
        "MissingExtraError",
        "PhotoError",
        "Prediction",
        "Predictor",
        "RecycleNetError",
        "load_photo",
    ]
    assert all(hasattr(recyclenet, name) for name in recyclenet.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        recyclenet.nonsense  # noqa: B018
