"""Each benchmark on little: that its ways do the jobs that their names say, and that the tables are whole."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recyclenet import Predictor, load_photo
from recyclenet.bench import answering, gpu, starting, steps, throughput, training_step, training_ways
from recyclenet.bench.bench_photos import LARGE, write_bench_photos
from recyclenet.bench.original_way import create_answer, create_network
from recyclenet.data.folder import split_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES
from tests.conftest import save_photo


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_bench_photos(tmp_path_factory.mktemp("photos"))


def test_the_large_photo_is_like_a_phones(photos):
    large = photos["4000×3000"]
    with Image.open(large) as image:
        assert image.size == LARGE
    assert 2e6 < large.stat().st_size < 12e6
    # The same picture: reduced to the small one's size they hardly differ.
    small = np.asarray(load_photo(photos["512×384"]), float)
    again = np.asarray(load_photo(large).resize((512, 384), Image.Resampling.BOX), float)
    assert np.abs(small - again).mean() < 4


def test_decoding_alone_gives_what_the_predictor_sees(photos):
    predictor = Predictor()
    for path in photos.values():
        expected = predictor.preprocess.normalize(predictor.view(path))
        assert np.array_equal(answering._decode(path, predictor.preprocess), expected)


def test_answering_measures_every_way(photos):
    small = {"512×384": photos["512×384"]}
    (table,) = answering.measure_answering(None, small, 4, compiled=False)
    taken = {line.name: line.taken.median for line in table.lines}
    assert list(taken) == [answering.OURS, answering.SESSION, answering.DECODE, answering.ORIGINAL, answering.EAGER]
    assert all(value > 0 for value in taken.values())
    assert [aim.limit for aim in table.aims] == [1.25, 5.0]
    assert table.aims[1].ratio == pytest.approx(taken[answering.ORIGINAL] / taken[answering.OURS])


def test_the_originals_way_is_the_originals_preprocessing(photos):
    network = create_network()
    label = create_answer(network)(photos["512×384"])
    images = Predictor().preprocess.__class__()(load_photo(photos["512×384"]))  # defaults: the original's evaluation
    with torch.no_grad():
        logits = network(torch.from_numpy(images)[None])
    assert label == TRASHNET_CLASSES[int(logits.argmax())]


def test_steps_add_up_to_an_answer(photos):
    (table,) = steps.measure_steps(None, {"512×384": photos["512×384"]}, 5)
    taken = {line.name: line.taken.median for line in table.lines}
    assert list(taken) == [*steps.STEPS, steps.ALL]
    assert all(value > 0 for value in taken.values())
    assert taken["network"] == max(taken[step] for step in steps.STEPS)
    assert table.remarks == (f"{photos['512×384'].stat().st_size:,} bytes, decoded to 512×384 pixels.",)


def test_starting_measures_whole_processes(photos, tmp_path):
    table = starting.measure_starting(photos["512×384"], tmp_path, 1, warm_ups=0)
    taken = {line.name: line.taken.median for line in table.lines}
    assert taken[starting.BARE] < taken[starting.HELP] < taken[starting.ORIGINAL]


def test_a_process_that_fails_is_named(tmp_path):
    with pytest.raises(RecycleNetError, match=r"^recyclenet predict .* failed: 1 of 1 photos could not be read"):
        starting.measure_starting(tmp_path / "none.jpg", tmp_path, 1, warm_ups=0)


def test_throughput_answers_every_photo(tmp_path, rng):
    paths = [str(tmp_path / f"{number}.jpg") for number in range(70)]
    for number, path in enumerate(paths):
        save_photo(Path(path), (60, number, 80), rng)
    table = throughput.measure_throughput(None, paths)
    assert table.rounds == 1  # of 64
    assert table.figures["photos_per_second"] == pytest.approx(64 / table.lines[0].taken.median)
    assert table.figures["resident_mb_last"] > 50
    with pytest.raises(RecycleNetError, match="64 photos or more, not 20"):
        throughput.measure_throughput(None, paths[:20])


def test_training_updates_the_weights(tmp_path, rng):
    for label in ("a", "b"):
        for number in range(12):
            save_photo(tmp_path / label / f"{number}.jpg", (60, 20 * number, 80), rng)
    folder = split_photo_folder(tmp_path)
    table = training_step.measure_training(folder, "test_efficientnet", 1, steps=1, batch_size=4)
    assert [line.name for line in table.lines] == list(training_step._WAYS)
    assert all(line.taken.median > 0 for line in table.lines)
    with pytest.raises(RecycleNetError, match=r"needs 1000 train photos, not \d+"):
        training_step.measure_training(folder, "test_efficientnet", 1, steps=1, batch_size=1000)
    work = training_ways.Work(folder.root, "test_efficientnet", 2, 4)
    with training_ways.own_batches(work) as own:
        ways = (training_ways.plain_batches, lambda _: own(), lambda _: own(), training_ways._timm_loader)
        found = [list(batches(work)) for batches in ways]
    for loaded in found:
        assert [(images.shape, targets.dtype) for images, targets in loaded] == [((4, 3, 224, 224), torch.int64)] * 2
        wanted = sorted(folder.classes.index(record.label) for record in work.records())
        assert sorted(torch.cat([targets for _, targets in loaded]).tolist()) == wanted


def test_the_ways_of_a_gpu_measured_where_there_is_none(tmp_path, rng):
    """On the CPU, where compiling would take a minute each time."""
    for label in ("a", "b"):
        for number in range(12):
            save_photo(tmp_path / "photos" / label / f"{number}.jpg", (60, 20 * number, 80), rng)
    folder = split_photo_folder(tmp_path / "photos")
    few = {"device": "cpu", "compiled": False}
    table = gpu.measure_gpu_step(folder, "test_efficientnet", 1, steps=1, batch_size=4, **few)
    taken = {line.name: line.taken.median for line in table.lines}
    assert list(taken) == [gpu.OURS, gpu.EAGER, gpu.FROM_DISK, gpu.PLAIN, gpu.ALONE]
    assert table.aims[0].ratio == pytest.approx(taken[gpu.PLAIN] / taken[gpu.OURS])
    assert table.aims[1].ratio == pytest.approx(taken[gpu.ALONE] / taken[gpu.OURS])
    with pytest.raises(RecycleNetError, match=r"needs 1000 train photos, not \d+"):
        gpu.measure_gpu_step(folder, "test_efficientnet", 1, batch_size=1000, **few)
    settings = ("recipe.epochs=1", "recipe.img_size=32", "recipe.resize=36")
    run = gpu.measure_gpu_run(folder.root, "test_efficientnet", tmp_path, settings=settings, **few)
    assert run.remarks[0].startswith("On cpu; best: epoch 1, val ")
    assert run.aims[0].ratio == run.lines[0].taken.median
    assert (tmp_path / "run" / "last.safetensors").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_skipped_and_says_why(run, tmp_path, rng):
    save_photo(tmp_path / "photos" / "a" / "1.jpg", (60, 20, 80), rng)
    code, out, _ = run("bench", "gpu", "--data", tmp_path / "photos", "--out", tmp_path / "speed")
    assert (code, out) == (0, "training on a GPU: Skipped: no CUDA device.\n")
    assert "training on a GPU: Skipped: no CUDA device.\n" in (tmp_path / "speed" / "README.md").read_text()


@pytest.mark.parametrize("way", [*training_step._WAYS.values(), partial(training_ways.held_step, compiled=False)])
def test_every_way_moves_the_weights(tmp_path, rng, way, monkeypatch):
    for label in ("a", "b"):
        for number in range(8):
            save_photo(tmp_path / label / f"{number}.jpg", (60, 20 * number, 80), rng)
    work = training_ways.Work(split_photo_folder(tmp_path).root, "test_efficientnet", 1, 4)
    network, classes = work.network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    monkeypatch.setattr(training_ways.Work, "network", lambda _: (network, classes))
    with way(work) as run_round:
        run_round()
    assert any(not torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def _fails(work):
    raise ValueError("no luck today")


def _ends(work):
    raise SystemExit(3)


def test_a_way_that_fails_elsewhere_is_said_here(tmp_path):
    work = training_ways.Work(tmp_path, "resnet18", 1, 4)
    with training_ways.Elsewhere({"one": _fails, "other": _ends}, work) as elsewhere:
        with pytest.raises(RecycleNetError, match="one failed: ValueError: no luck today"):
            elsewhere.seconds("one")
        with pytest.raises(RecycleNetError, match="other: its process ended"):
            elsewhere.seconds("other")


def test_the_command_writes_a_page_and_json(run, tmp_path):
    code, out, err = run("bench", "steps", "--rounds", 4, "--out", tmp_path / "speed", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "speed" / "bench.json").read_text())
    assert "`recyclenet bench steps --rounds 4` on " in (tmp_path / "speed" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["nothing"],
            "unknown part 'nothing': choose answering, steps, starting, throughput, training, gpu, quick, scaling",
        ),
        (["throughput"], "throughput, training, gpu, quick need photos: give --data DIR"),
        (["quick", "--data", "."], "quick needs pretrained weights: give --pretrained FILE"),
        (["answering", "--rounds", 1], "--rounds must be 4 to 100,000, not 1"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(run, arguments, said):
    code, out, err = run("bench", *arguments)
    assert (code, out) == (2, "")
    assert said in err
