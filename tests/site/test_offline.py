"""Once loaded the site needs no host any more; a later edition takes its place whole or not at all."""

import pytest

from tests.browser import needs_chromium, upload

pytestmark = needs_chromium

WAITING = """async () => {
  const registration = await navigator.serviceWorker.ready;
  while (!registration.waiting) await new Promise((resolve) => setTimeout(resolve, 50));
}"""


@pytest.fixture
def keeps(page):
    """Names of the caches that the page's device has."""
    return lambda: page.evaluate("caches.keys()")


def test_it_answers_when_the_host_is_gone(page, host, bottle):
    host.stop()
    page.reload()
    upload(page, bottle)
    assert page.text_content("#verdict").startswith("Glass")
    page.goto(f"{host.site}?from=a-link")
    upload(page, bottle)
    assert page.text_content("#verdict").startswith("Glass")


def test_everything_is_sent_once(page, host, bottle):
    upload(page, bottle)
    page.reload()
    upload(page, bottle)
    sent = {path: times for path, times in host.asked.items() if path.endswith((".onnx", ".bin", "model.json"))}
    assert sent == dict.fromkeys(sent, 1)
    assert len(sent) == 3


def test_a_new_edition_starts_at_the_next_visit_and_brings_only_what_is_new(page, host, bottle, keeps):
    upload(page, bottle)
    before = page.text_content("#bin-name")
    old = keeps()
    host.put("single-stream")
    page.reload()
    page.evaluate(WAITING)  # it comes in the background, while the old edition answers
    upload(page, bottle)
    assert page.text_content("#bin-name") == before
    with page.expect_navigation():  # the page starts, finds the new edition, and starts again with it
        page.reload()
    upload(page, bottle)
    assert page.text_content("#bin-name") not in ("", before)
    assert len(keeps()) == 1
    assert keeps() != old
    assert host.asked["/some/where/model.onnx"] == 1
    assert host.asked["/some/where/model.json"] == 2


def test_files_that_do_not_belong_together_are_not_kept(open_page, host, bottle):
    style = host.folder / "style.css"
    style.write_bytes(style.read_bytes() + b"\n/* of another edition */\n")
    page = open_page(host.site)
    upload(page, bottle)  # with a connection it works all the same
    assert page.text_content("#verdict").startswith("Glass")
    registered = page.evaluate("navigator.serviceWorker.getRegistration().then((found) => Boolean(found?.active))")
    assert not registered


def test_a_visit_that_is_cut_short_stops_no_later_one(page, host, bottle):
    host.put("single-stream")
    page.reload()
    page.evaluate(WAITING)
    page.reload()  # the model was just being read: a browser may not let the old edition go now
    upload(page, bottle)
    assert page.text_content("#verdict").startswith("Glass")


def test_two_sites_of_one_host_leave_each_other_alone(page, host, bottle, keeps):
    page.evaluate("caches.open('recyclenet http://127.0.0.1/elsewhere/ 1')")
    host.put("single-stream")
    page.reload()
    page.evaluate(WAITING)
    upload(page, bottle)
    with page.expect_navigation():
        page.reload()
    upload(page, bottle)
    assert "recyclenet http://127.0.0.1/elsewhere/ 1" in keeps()
