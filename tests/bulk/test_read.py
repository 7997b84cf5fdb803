"""Bytes of items wherever they are, and read ahead within a number of bytes."""

import threading
import time

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from recyclenet.bulk import remote
from recyclenet.bulk.items import Item
from recyclenet.bulk.read import item_size, read_item
from recyclenet.bulk.read_ahead import read_ahead
from recyclenet.errors import PhotoError
from recyclenet.photo import MAX_BYTES


class Flaky(MemoryFileSystem):
    """A store that fails as often as `failures` says before it answers."""

    protocol = "flaky"
    cachable = False
    failures: list[Exception]
    calls = 0

    def cat_file(self, path, *args, **kwargs):
        Flaky.calls += 1
        if Flaky.failures:
            raise Flaky.failures.pop()
        return super().cat_file(path.replace("flaky://", "/"), *args, **kwargs)


@pytest.fixture
def flaky(monkeypatch):
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    fsspec.filesystem("memory").pipe_file("/x/a.jpg", b"the photo")
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.001)
    Flaky.calls = 0
    yield Item("flaky://x/a.jpg", size=9)
    fsspec.filesystem("memory").rm("/x", recursive=True)


def test_files(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"bytes")
    item = Item(str(tmp_path / "a.jpg"))
    assert (read_item(item), item_size(item)) == (b"bytes", 5)
    for path, reason in ((tmp_path / "none.jpg", "no such file"), (tmp_path, "not a regular file")):
        with pytest.raises(PhotoError, match=reason):
            read_item(Item(str(path)))
    assert item_size(Item("a\0b")) == 0
    with pytest.raises(PhotoError, match="found while listing"):
        read_item(Item("", "s.tar", error="found while listing"))


def test_too_large_is_not_read(tmp_path):
    for item in (Item("a.jpg", "none.tar", size=MAX_BYTES + 1), Item("memory://none.jpg", size=10**15)):
        with pytest.raises(PhotoError, match="more than the limit"):
            read_item(item)
        assert item_size(item) == MAX_BYTES


def test_a_store_that_is_busy_is_asked_again(flaky):
    Flaky.failures = [OSError("503 slow down"), TimeoutError()]
    assert read_item(flaky) == b"the photo"
    assert Flaky.calls == 3


def test_a_store_that_stays_away_is_an_error_of_the_photo(flaky):
    Flaky.failures = [OSError("503 slow down")] * 5
    with pytest.raises(PhotoError, match=r"flaky://x/a.jpg: cannot be read \(503 slow down\)"):
        read_item(flaky)
    assert Flaky.calls == 3


def test_what_is_not_there_is_asked_for_once(flaky):
    Flaky.failures = []
    with pytest.raises(PhotoError, match="no such file"):
        read_item(Item("flaky://x/none.jpg", size=3))
    assert Flaky.calls == 1


def test_urls_of_a_list_have_no_size(flaky):
    assert read_item(Item("memory://x/a.jpg")) == b"the photo"
    with pytest.raises(PhotoError, match="no such file"):
        read_item(Item("memory://x/none.jpg"))
    with pytest.raises(PhotoError, match="cannot be opened"):
        read_item(Item("nonsense://x/none.jpg"))


def test_every_item_arrives_once():
    items = [Item(str(number), size=10) for number in range(500)]

    def read(item):
        if int(item.path) % 7 == 0:
            raise PhotoError(item.path, "broken")
        return item.path.encode()

    arrived = dict(read_ahead(items, max_bytes=50, read=read))
    assert sorted(arrived) == list(range(500))
    for place, data in arrived.items():
        assert isinstance(data, PhotoError) if place % 7 == 0 else data == str(place).encode()


def test_no_more_bytes_than_allowed_are_held():
    """Sizes from 1 to 40 in 50: what is read and not yet let go never exceeds it, but for a single larger one."""
    held, most, lock = 0, 0, threading.Lock()
    items = [Item(str(number), size=number * 7 % 40 + 1 if number != 20 else 200) for number in range(100)]

    def read(item):
        nonlocal held, most
        with lock:
            held += item.size
            if item.size <= 50:
                most = max(most, held)
            else:
                assert held == item.size
        return b""

    for place, _ in read_ahead(items, max_bytes=50, read=read):
        time.sleep(0.0005)
        with lock:
            held -= items[place].size
    assert 40 < most <= 50


def test_photos_of_unknown_size_count_once_they_are_read():
    """As those of a list of URLs: only what the readers have in hand at that moment comes on top."""
    items = [Item(f"memory://{number}.jpg") for number in range(100)]
    begun, together = [], threading.Barrier(16)

    def read(item):
        begun.append(item)
        if len(begun) <= 16:
            together.wait(5)  # all readers have one in hand
        return bytes(60)

    arriving = read_ahead(items, max_bytes=50, read=read)
    places = [next(arriving)[0]]
    time.sleep(0.2)
    assert len(begun) == 16
    places += [place for place, _ in arriving]
    assert sorted(places) == list(range(100))


def test_a_bug_in_reading_is_not_waited_for():
    def read(item):
        raise KeyError(item.path)

    with pytest.raises(KeyError):
        list(read_ahead([Item("a"), Item("b")], read=read))


def test_readers_end_when_nobody_wants_more():
    before = threading.active_count()
    arriving = read_ahead([Item(str(n), size=10) for n in range(100)], max_bytes=10, read=lambda _: b"")
    next(arriving)
    arriving.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
