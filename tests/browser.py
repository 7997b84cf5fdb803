"""A real Chromium for the tests of the page, and what they do with it."""

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-gpu"]
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 120_000  # a busy machine; nothing here measures time

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)")


@contextmanager
def watched_pages(browser):
    """A function that opens an address in a fresh profile; fails at the end for errors and requests to elsewhere."""
    opened = []

    def open_page(address, **options):
        context = browser.new_context(**{"viewport": PHONE, **options})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda line: line.type == "error" and page.complaints.append(line.text))
        context.on("request", lambda request: _check(request.url, address, page))
        page.goto(address)
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.context.close()
        assert page.complaints == []


def _check(url, address, page):
    if not url.startswith((address, "data:", "blob:")):
        page.complaints.append(f"request to {url}")


def upload(page, path):
    """Chooses a photo and waits for its answer."""
    page.set_input_files("#file", path)
    page.wait_for_selector("#stage[aria-busy=false]")
    assert page.text_content("#problem") == ""


def says(page, place, text):
    """Waits for a text. Waiting for JavaScript instead would need the eval that the page's policy forbids."""
    from playwright.sync_api import expect

    expect(page.locator(place)).to_contain_text(text, timeout=PATIENCE_MS)
