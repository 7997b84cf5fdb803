import pytest
import torch

from recyclenet.data.features import FeatureCache, gather


def test_computed_once_and_read_back(tmp_path):
    batches = [torch.randn(3, 4, 2, 2), torch.randn(2, 4, 2, 2)]
    calls = []

    def compute():
        calls.append(1)
        yield from batches

    cache = FeatureCache(tmp_path / "cache", "key")
    first, second = cache.view("a", compute), cache.view("a", compute)
    assert len(calls) == 1
    assert torch.equal(first, torch.cat(batches).half())
    assert torch.equal(second, first)


def test_another_key_or_a_torn_file_is_computed_anew(tmp_path):
    one = lambda: iter([torch.ones(1, 1, 1, 1)])  # noqa: E731
    two = lambda: iter([2 * torch.ones(1, 1, 1, 1)])  # noqa: E731
    FeatureCache(tmp_path, "old").view("a", one)
    assert FeatureCache(tmp_path, "new").view("a", two).item() == 2
    (tmp_path / "a.safetensors").write_bytes(b"torn")
    assert FeatureCache(tmp_path, "new").view("a", one).item() == 1


def test_nothing_is_kept_of_a_view_that_was_not_finished(tmp_path):
    def compute():
        yield torch.ones(1, 1, 1, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path / "cache", "key").view("a", compute)
    assert list((tmp_path / "cache").iterdir()) == []


def test_remove(tmp_path):
    cache = FeatureCache(tmp_path / "cache", "key")
    cache.view("a", lambda: iter([torch.ones(1, 1, 1, 1)]))
    (tmp_path / "cache" / ".tmp1leThE").touch()  # of a process that was killed
    cache.remove()
    assert not (tmp_path / "cache").exists()
    cache.remove()


def test_remove_leaves_what_is_not_its_own(tmp_path):
    cache = FeatureCache(tmp_path / "cache", "key")
    cache.view("a", lambda: iter([torch.ones(1, 1, 1, 1)]))
    (tmp_path / "cache" / "notes.txt").touch()
    cache.remove()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["notes.txt"]


def test_gather_takes_from_views():
    views = [torch.zeros(3, 1, 1, 1), torch.arange(3.0).reshape(3, 1, 1, 1)]
    assert gather(views, [(1, 2), (0, 2), (1, 1)]).flatten().tolist() == [2, 0, 1]
