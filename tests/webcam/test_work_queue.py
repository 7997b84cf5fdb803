import threading

import pytest

from recyclenet.webcam.work_queue import WorkQueue


class Slow:
    """Work that stands still until it is let go."""

    def __init__(self):
        self.done, self.begun, self.go = [], threading.Event(), threading.Event()

    def __call__(self, item):
        self.begun.set()
        assert self.go.wait(20)
        self.done.append(item)


@pytest.mark.parametrize(("finish", "done"), [(True, [0, 2, 3]), (False, [0])])
def test_nobody_waits_and_the_oldest_is_dropped(finish, done):
    slow = Slow()
    queue = WorkQueue("test", slow, most=2)
    assert queue.offer(0)
    assert slow.begun.wait(20)  # it is in hand, and waits no more
    assert [queue.offer(item) for item in (1, 2, 3)] == [True, True, False]
    closing = threading.Thread(target=lambda: queue.close(finish=finish))
    closing.start()
    if not finish:
        while queue._waiting:  # until the one in hand is the last
            pass
    slow.go.set()
    closing.join(20)
    assert slow.done == done


def test_a_failure_is_not_lost():
    failed = threading.Event()

    def fail(item):
        failed.set()
        raise ValueError(item)

    queue = WorkQueue("test", fail, most=1)
    queue.offer("broken")
    assert failed.wait(20)
    with pytest.raises(ValueError, match="broken"):
        queue.close(finish=True)
    with pytest.raises(ValueError, match="broken"):
        queue.offer("next")
