"""Small exported models: as floats, and in 8 bits."""

import numpy as np
import pytest

from recyclenet.predictor import Predictor
from recyclenet.quantize.job import Int8Settings, export_int8
from tests.quantize.conftest import checkpoint, exported, folder  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def int8(exported, folder, tmp_path_factory):  # noqa: F811 (a fixture's name)
    """The same as `exported`, quantized."""
    path = tmp_path_factory.mktemp("int8") / "model.onnx"
    export_int8(exported, path, folder, Int8Settings(photos=8, max_worse=100))
    return path


@pytest.fixture(params=["exported", "int8"])
def either(request):
    """An exported model, in floats and in 8 bits."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def images(exported, folder):  # noqa: F811 (a fixture's name)
    """Four photos as the small models take them."""
    predictor = Predictor(exported)
    return np.stack(
        [predictor.preprocess.normalize(predictor.view(folder.root / r.path)) for r in folder.records[::15]]
    )
