import threading

import pytest

from recyclenet.webcam.mailbox import Mailbox


def test_what_is_new_replaces_what_nobody_took():
    box = Mailbox()
    assert box.poll() is None
    for item in (1, 2, 3):
        box.put(item)
    assert box.poll() == 3
    assert box.poll() is None


def test_taking_waits_for_an_item():
    box, taken = Mailbox(), []
    reader = threading.Thread(target=lambda: taken.append(box.take()))
    reader.start()
    box.put("late")
    reader.join(20)
    assert taken == ["late"]


def test_handing_over_waits_until_the_one_before_was_taken():
    box, taken = Mailbox(), []

    def write():
        for item in range(50):
            box.hand_over(item)
        box.close()

    writer = threading.Thread(target=write)
    writer.start()
    while (item := box.take()) is not None:
        taken.append(item)
    writer.join(20)
    assert taken == list(range(50))


@pytest.mark.parametrize("wait", ["take", "hand_over"])
def test_closing_ends_every_wait(wait):
    box = Mailbox()
    if wait == "hand_over":
        box.put(1)
    waiting = threading.Thread(target=box.take if wait == "take" else lambda: box.hand_over(2))
    waiting.start()
    box.close()
    waiting.join(20)
    assert not waiting.is_alive()


def test_what_lies_in_a_closed_box_can_still_be_taken():
    box = Mailbox()
    box.put(1)
    box.close()
    box.put(2)
    assert not box.is_finished
    assert (box.take(), box.take()) == (1, None)
    assert box.is_finished
