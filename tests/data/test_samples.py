import http.client
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from recyclenet.data import samples
from recyclenet.data.samples import SAMPLES, SAMPLES_URL, Samples, draw_samples, find_samples
from recyclenet.data.trashnet import is_intact, manifest, official_records, read_official_split
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.photo import load_photo

DOWNLOAD = samples._download  # before the fixture below takes the network away


@pytest.fixture(autouse=True)
def _nothing_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No TrashNet beside the working folder, none named, no network."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("RECYCLENET_TRASHNET", raising=False)
    monkeypatch.setattr(samples, "_download", lambda url: unreachable(url))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "samples"


def unreachable(_url: str) -> bytes:
    raise OSError("no network")


def never(url: str) -> bytes:
    raise AssertionError(f"{url} was asked for")


class Served:
    """The bytes of the real photos, as the network would have them; counts what is asked for."""

    def __init__(self, trashnet: Path, changes: dict[str, bytes] | None = None) -> None:
        self.trashnet = trashnet
        self.changes = changes or {}
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        assert url.startswith(SAMPLES_URL)
        path = url.removeprefix(SAMPLES_URL)
        self.asked.append(path)
        return self.changes.get(path, (self.trashnet / path).read_bytes())


def check_drawn(found: Samples, cache: Path) -> None:
    assert not found.are_real
    assert "stand-ins" in found.source
    assert len(found.paths) == 6
    assert {path.parent for path in found.paths} == {cache.parent / "drawn"}
    assert all(load_photo(path).size == (512, 384) for path in found.paths)


def test_samples_are_small_test_photos_two_of_each_class() -> None:
    entries = [manifest()[path] for path in SAMPLES]
    assert len(set(SAMPLES)) == 12
    assert {entry.split for entry in entries} == {"test"}
    assert Counter(path.split("/")[1] for path in SAMPLES) == dict.fromkeys(TRASHNET_CLASSES, 2)
    assert sum(entry.size for entry in entries) < 1_000_000


def test_samples_are_the_first_two_of_each_class_in_the_official_list(trashnet: Path) -> None:
    lines = (trashnet / "one-indexed-files-notrash_test.txt").read_text().splitlines()
    first = {label: [] for label in TRASHNET_CLASSES}
    for name, number in map(str.split, lines):
        label = TRASHNET_CLASSES[int(number) - 1]
        first[label].append(f"dataset-resized/{label}/{name}")
    assert [path for label in TRASHNET_CLASSES for path in first[label][:2]] == list(SAMPLES)
    assert read_official_split(trashnet) == official_records()


def test_downloads_fill_the_cache_once(trashnet: Path, cache: Path) -> None:
    served = Served(trashnet)
    found = find_samples(cache, served)
    assert served.asked == list(SAMPLES)
    assert found == Samples(tuple(cache / path for path in SAMPLES), "TrashNet test photos (downloaded)", are_real=True)
    assert all(is_intact(cache, manifest()[path]) for path in SAMPLES)

    again = find_samples(cache, never)
    assert again.paths == found.paths
    assert again.source == "TrashNet test photos (cached)"


def test_only_what_is_missing_or_damaged_in_the_cache_is_fetched(trashnet: Path, cache: Path) -> None:
    find_samples(cache, Served(trashnet))
    (cache / SAMPLES[3]).unlink()
    (cache / SAMPLES[7]).write_bytes(b"damaged")
    served = Served(trashnet)
    assert find_samples(cache, served).are_real
    assert served.asked == [SAMPLES[3], SAMPLES[7]]
    assert all(is_intact(cache, manifest()[path]) for path in SAMPLES)


def test_wrong_bytes_are_refused(trashnet: Path, cache: Path) -> None:
    wrong = (trashnet / SAMPLES[5]).read_bytes()[:-1] + b"!"
    found = find_samples(cache, Served(trashnet, {SAMPLES[5]: wrong}))
    check_drawn(found, cache)
    assert not (cache / SAMPLES[5]).exists()
    assert is_intact(cache, manifest()[SAMPLES[4]])


def test_wrong_bytes_fall_back_to_a_local_trashnet(
    trashnet: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(trashnet))
    found = find_samples(cache, lambda _: b"<html>log in first</html>")
    assert found == Samples(
        tuple(trashnet / path for path in SAMPLES), f"TrashNet test photos in {trashnet}", are_real=True
    )


def test_without_network_a_local_trashnet_serves(trashnet: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(trashnet))
    found = find_samples(cache, unreachable)
    assert found.paths == tuple(trashnet / path for path in SAMPLES)
    assert not cache.exists()


def test_a_damaged_local_trashnet_does_not_serve(
    trashnet: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in SAMPLES:
        (tmp_path / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / path).write_bytes((trashnet / path).read_bytes())
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(tmp_path / "mine"))
    assert find_samples(cache, unreachable).are_real
    (tmp_path / "mine" / SAMPLES[0]).write_bytes(b"damaged")
    check_drawn(find_samples(cache, unreachable), cache)


def test_without_anything_pictures_are_drawn(cache: Path) -> None:
    check_drawn(find_samples(cache, unreachable), cache)
    check_drawn(find_samples(cache), cache)


def test_the_network_may_answer_anything(cache: Path, monkeypatch: pytest.MonkeyPatch, not_http: str) -> None:
    monkeypatch.setattr(samples, "_download", DOWNLOAD)
    monkeypatch.setattr(samples, "SAMPLES_URL", not_http)
    try:
        found = find_samples(cache)
    except http.client.HTTPException as error:
        pytest.fail(f"{error!r} instead of stand-ins")
    check_drawn(found, cache)


def test_a_cache_that_cannot_be_written_falls_back(
    trashnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(trashnet))
    assert find_samples(tmp_path / "taken" / "samples", Served(trashnet)).paths[0] == trashnet / SAMPLES[0]


def test_without_a_place_in_the_cache_drawings_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = find_samples(tmp_path / "taken" / "samples", unreachable)
    assert not found.are_real
    assert all(path.is_file() and tmp_path in path.parents for path in found.paths)


def test_drawings_differ_and_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = draw_samples(tmp_path / "a"), draw_samples(tmp_path / "b")
    pixels = [Image.open(path).tobytes() for path in first.paths]
    assert len(set(pixels)) == 6
    assert pixels == [Image.open(path).tobytes() for path in second.paths]
