import pytest
import timm
from safetensors.torch import save_file

from recyclenet.bench.quick import BOTH, EXPORT, TRAIN, measure_quick
from recyclenet.data.folder import split_photo_folder
from recyclenet.errors import RecycleNetError
from tests.conftest import save_photo


def test_it_trains_exports_and_counts(tmp_path, rng):
    for label in ("a", "b"):
        for number in range(10):
            save_photo(tmp_path / "photos" / label / f"{number}.jpg", (60, 20 * number, 80), rng)
    folder = split_photo_folder(tmp_path / "photos")
    save_file(timm.create_model("mobilenetv2_100").state_dict(), tmp_path / "weights.safetensors")
    settings = ("recipe.img_size=64", "recipe.resize=64", "recipe.epochs=1", "recipe.views=1")
    table = measure_quick(folder.root, tmp_path / "weights.safetensors", tmp_path, test=True, settings=settings)
    taken = {line.name: line.taken.median for line in table.lines}
    assert taken[BOTH] == pytest.approx(taken[TRAIN] + taken[EXPORT])
    assert (tmp_path / "model.onnx").stat().st_size > 5e6
    for split in ("val", "test"):
        assert table.figures[f"{split}_total"] == len(folder.split(split))
    assert table.aims[1].ratio == table.figures["test_correct"] / table.figures["test_total"]
    assert table.remarks[-1] == "With recipe.views=1."


def test_no_weights_no_run(tmp_path):
    with pytest.raises(RecycleNetError, match="no file of weights at "):
        measure_quick(tmp_path, tmp_path / "none.safetensors", tmp_path, test=False)
    assert list(tmp_path.iterdir()) == []
