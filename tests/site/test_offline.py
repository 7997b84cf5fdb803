"""Once loaded the site needs no host any more; a later edition takes its place whole or not at all."""

import pytest

from tests.browser import needs_chromium, upload
from tests.site.conftest import wait_for_model

pytestmark = needs_chromium

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

PRESSES, PRESSED_MS = 3, 20_000
NEIGHBOUR = "recyclenet http://127.0.0.1/elsewhere/ 1"


@pytest.fixture
def visit(open_page, host):
    """A first visit; the page has its model."""
    page = open_page(host.site)
    wait_for_model(page)
    return page


def start(page):
    """Begins another visit.

    Chromium loses a visit that begins in the very moment when an edition takes over: its request goes to the old
    service worker while that is being stopped. The page that is there works on, and who wants a new one presses again.
    """
    for _ in range(PRESSES):
        try:
            page.reload(wait_until="commit", timeout=PRESSED_MS)
        except sync_api.TimeoutError:
            continue
        except sync_api.Error:  # the page itself is just starting again, with a new edition
            return
        return
    pytest.fail(f"{PRESSES} visits in turn got no answer")


def again(page):
    """Another visit, until the page has its model."""
    start(page)
    wait_for_model(page)


def bin_of(page, photo):
    upload(page, photo)
    return page.text_content("#bin-name")


def test_everything_comes_once_and_then_no_host_is_needed(visit, host, bottle):
    answer = bin_of(visit, bottle)
    again(visit)
    sent = {path: times for path, times in host.asked.items() if path.endswith((".onnx", ".bin", "model.json"))}
    assert sorted(sent.values()) == [1, 1, 1]
    host.stop()
    again(visit)
    assert bin_of(visit, bottle) == answer
    visit.goto(f"{host.site}?from=a-link")
    assert bin_of(visit, bottle) == answer


def test_a_new_edition_starts_at_a_later_visit_and_brings_only_what_is_new(visit, host, bottle):
    before, [old] = bin_of(visit, bottle), visit.evaluate("caches.keys()")
    visit.evaluate(f"caches.open('{NEIGHBOUR}')")  # of another site on the same host
    host.put("single-stream")
    for _ in range(20):  # it comes in the background of a visit, and waits until nobody needs the old one
        again(visit)
        if (after := bin_of(visit, bottle)) != before:
            break
    assert after not in ("", before)
    names = visit.evaluate("caches.keys()")
    assert NEIGHBOUR in names
    assert old not in names
    assert len(names) == 2
    assert host.asked["/some/where/model.onnx"] == 1
    assert host.asked["/some/where/model.json"] == 2


def test_visits_that_are_cut_short_stop_no_later_one(visit, host, bottle):
    host.put("single-stream")
    for _ in range(3):
        start(visit)
        visit.wait_for_timeout(300)  # in the midst of reading the model, or of starting with the new edition
    again(visit)
    assert bin_of(visit, bottle)


def test_files_that_do_not_belong_together_are_not_kept(open_page, host, bottle):
    style = host.folder / "style.css"
    style.write_bytes(style.read_bytes() + b"\n/* of another edition */\n")
    page = open_page(host.site)
    assert bin_of(page, bottle)  # with a connection it works all the same
    assert not page.evaluate("navigator.serviceWorker.getRegistration().then((found) => Boolean(found?.active))")
