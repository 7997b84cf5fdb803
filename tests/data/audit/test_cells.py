import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit import candidates
from recyclenet.data.audit.cells import Cells
from recyclenet.data.audit.descriptors import turn


def pictures(count, rng):
    """Soft random ones, (count, 64, 64) uint8."""
    coarse = rng.integers(0, 256, (count, 6, 6), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in coarse])


def changed(photos, rng):
    """Cut, turned and grained copies."""
    cut = []
    for photo in photos:
        side = rng.uniform(0.85, 1)
        left, top = rng.uniform(0, 1 - side, 2)
        box = (64 * left, 64 * top, 64 * (left + side), 64 * (top + side))
        cut.append(np.asarray(Image.fromarray(photo).resize((64, 64), Image.Resampling.BILINEAR, box=box), np.float32))
    turned = turn(np.stack(cut), rng.integers(0, 8, len(cut)))
    return (turned + rng.normal(0, 2, turned.shape)).round().clip(0, 255).astype(np.uint8)


def unit(values):
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def test_cells_find_the_copies_that_comparing_all_finds(monkeypatch, rng):
    photos = pictures(300, rng)
    thumbs = np.concatenate([photos, changed(photos, rng)])

    def pairs():
        found = candidates.find_candidates(thumbs)
        assert (np.bincount(found.copies) <= candidates.NEIGHBOURS).all()
        assert (found.copies != found.originals).all()
        both = np.stack([found.copies, found.originals])
        return {(min(pair), max(pair)): one for pair, *one in zip(both.T.tolist(), *found[2:], strict=True)}

    everything = pairs()
    monkeypatch.setattr(candidates, "EXHAUSTIVE", 0)
    near = pairs()
    true = {(place, 300 + place) for place in range(300)} & set(everything)
    assert len(true) > 275
    assert len(true & set(near)) >= 0.99 * len(true)
    shared = set(near) & set(everything)
    assert len(shared) > 0.95 * len(everything)
    assert all(near[pair][2] == pytest.approx(everything[pair][2], abs=1e-5) for pair in shared)


def test_the_best_items_come_once_each_by_their_best_vector_and_form(rng):
    vectors = unit(rng.normal(size=(2, 50, 35)))
    queries = unit(np.stack([vectors[0, :5], vectors[1, :5]]) + rng.normal(0, 0.02, (2, 5, 35)))
    found = Cells(vectors).search(queries, most=1, least=0.9)
    assert found.queries.tolist() == found.items.tolist() == [0, 1, 2, 3, 4]
    best = np.einsum("fqd,wqd->qfw", queries, vectors[:, :5]).max(axis=(1, 2))
    assert found.cosines == pytest.approx(best, abs=1e-6)


def test_what_has_no_direction_is_like_nothing():
    vectors = np.zeros((1, 20, 35), np.float32)
    assert Cells(vectors).search(vectors, most=5, least=0.85).queries.tolist() == []


def test_work_does_not_grow_with_the_square(monkeypatch, rng):
    compared = []
    in_cell = Cells._in_cell

    def counting(self, cell, queries, most, least):
        compared[-1] += len(queries) * int(np.diff(self._bounds[cell : cell + 2])[0])
        return in_cell(self, cell, queries, most, least)

    monkeypatch.setattr(Cells, "_in_cell", counting)
    for count in (1000, 8000):
        compared.append(0)
        vectors = unit(rng.normal(size=(1, count, 35)))
        Cells(vectors).search(vectors, most=1, least=0.85)
    assert compared[1] / compared[0] < 8**1.7  # 8 times the items: 23 times the pairs, not 64
