"""The page as a person uses it, in a real Chromium; a picture of it goes to docs/ when RECYCLENET_SCREENSHOT is set."""

import os
import time
from pathlib import Path

import pytest

from recyclenet import Predictor
from tests.browser import PATIENCE_MS, PHONE, needs_chromium, says, upload, watched_pages
from tests.conftest import REPOSITORY
from tests.serve.conftest import ServerProcess

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

pytestmark = needs_chromium


@pytest.fixture
def open_page(browser, server):
    with watched_pages(browser) as open_page:
        yield lambda address=server.address, **options: open_page(address, **options)


def test_a_photo_gets_an_answer_on_a_phone(open_page, bottle):
    page = open_page()
    upload(page, bottle)
    expected = Predictor(threads=1).predict(bottle)
    assert expected.label == "glass"
    share = f"{100 * expected.prob:.1f} %"
    assert page.text_content("#verdict") == f"Glass, {share}"
    assert page.text_content("#bin-name") == "Bin: glass"
    assert page.text_content("#bin-hint") == "empty it, lid off"
    assert page.evaluate("getComputedStyle(document.querySelector('#bin')).backgroundColor") == "rgb(46, 125, 50)"
    bars = page.locator("#bars li").all_inner_texts()
    assert [text.split()[0] for text in bars] == ["glass", "paper", "cardboard", "plastic", "metal", "trash"]
    assert share in bars[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.text_content("#spoken") == f"Glass, {share}. Bin: glass empty it, lid off"
    if os.environ.get("RECYCLENET_SCREENSHOT"):
        page.wait_for_timeout(1000)  # for the bars to reach their length
        page.screenshot(path=REPOSITORY / "docs" / "serve.png")
    # The heatmap lies over the photo while it is wanted.
    assert not page.is_visible("#heat")
    page.click("#heatmap")
    assert page.get_attribute("#heatmap", "aria-pressed") == "true"
    assert page.is_visible("#heat")
    assert page.evaluate("document.querySelector('#heat').naturalWidth") == expected.view.width
    page.click("#heatmap")
    assert not page.is_visible("#heat")


def test_that_is_wrong_by_keyboard_alone(open_page, bottle, server):
    page = open_page()
    upload(page, bottle)
    before = set(Path(server.feedback).rglob("*.jpg"))
    page.focus("#wrong")
    page.keyboard.press("Enter")
    assert page.get_attribute("#wrong", "aria-expanded") == "true"
    assert page.evaluate("document.activeElement.textContent") == "glass"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "wrong"
    assert not page.is_visible("#classes")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(page, "#thanks", "kept as metal")
    (kept,) = set(Path(server.feedback).rglob("*.jpg")) - before
    assert kept.parent.name == "metal"


def test_what_is_no_photo_is_said_aloud(open_page, tmp_path):
    (tmp_path / "note.jpg").write_bytes(b"no photo at all")
    page = open_page()
    page.set_input_files("#file", tmp_path / "note.jpg")
    says(page, "[role=alert]", "not a photo")
    assert not page.is_visible("#answer")
    page.complaints.clear()  # the browser itself notes the 422


@pytest.mark.parametrize("second", ["photo", "camera"])
def test_an_answer_that_comes_late_does_not_replace_what_was_chosen_since(open_page, bottle, second):
    page = open_page(permissions=["camera"])
    held = []

    def hold(route):  # the first photo's request; whatever comes after it passes
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/v1/classify*", hold)
    page.set_input_files("#file", bottle)
    page.wait_for_selector("#stage[aria-busy=true]")
    if second == "photo":
        upload(page, bottle)
    else:
        page.click("#camera")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.get_attribute("#stage", "aria-busy") == "false"
    held[0].fulfill(json={"results": [DOUBTFUL]})
    page.wait_for_timeout(200)
    assert "plastic or glass" not in page.text_content("#verdict")
    assert page.is_visible("#video") == (second == "camera")


def test_a_complaint_about_one_photo_is_never_filed_with_the_next(open_page, bottle):
    page = open_page()
    upload(page, bottle)
    held = []
    page.route("**/v1/classify*", lambda route: held.append(route))
    page.set_input_files("#file", bottle)
    page.wait_for_selector("#stage[aria-busy=true]")
    page.click("#wrong")
    assert page.is_visible("#classes")
    held[0].fulfill(json={"results": [DOUBTFUL]})
    says(page, "#verdict", "plastic or glass")
    assert not page.is_visible("#classes")


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_photo_dropped_or_pasted(open_page, bottle, how):
    page = open_page()
    page.evaluate(
        """async ([how, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "bottle.jpg", {type: "image/jpeg"}));
          const kind = how === "drop" ? DragEvent : ClipboardEvent;
          const carried = how === "drop" ? {dataTransfer: data} : {clipboardData: data};
          document.dispatchEvent(new kind(how, {bubbles: true, cancelable: true, ...carried}));
        }""",
        [how, list(bottle.read_bytes())],
    )
    says(page, "#verdict", "Glass, 99")


def test_the_live_camera(open_page):
    page = open_page(permissions=["camera"])
    page.click("#camera")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.is_visible("#video")
    assert page.evaluate("document.querySelector('#video').videoWidth") > 0
    state = page.get_attribute("#answer", "data-state")
    verdict = page.text_content("#verdict")
    # A test card is no trash; whatever the model takes it for, words and state agree.
    assert {"none of these": verdict == "None of these", "not sure": verdict.startswith("Not sure: ")}.get(
        state, "%" in verdict
    )
    page.click("#camera")
    assert page.get_attribute("#camera", "aria-pressed") == "false"
    assert page.is_visible("#picture")
    assert page.evaluate("document.querySelector('#video').srcObject") is None


DOUBTFUL = {
    "label": "plastic", "prob": 0.5, "set": ["plastic", "glass"], "unknown": 0.1, "state": "not sure",
    "probs": {"glass": 0.4, "paper": 0.0, "cardboard": 0.0, "plastic": 0.5, "metal": 0.1, "trash": 0.0},
    "verdict": "not sure: plastic or glass", "reason": "", "ms": 1.0,
    "bin": {"key": None, "name": "ask", "colour": "#757575", "hint": "no rule"},
    "pictures": {"view": "data:,", "heatmap": "data:,"},
}  # fmt: skip

HELD_CAMERA = """() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const opened = new Promise((resolve) => { window.openCamera = resolve; });
  window.streams = [];
  window.liveStreams = () => window.streams.filter((stream) => stream.active).length;
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await opened;
    const stream = await real(wanted);
    window.streams.push(stream);
    return stream;
  };
}"""


@pytest.mark.parametrize("clicks", [2, 3])
def test_clicks_while_the_camera_starts_leave_it_as_the_button_says(open_page, clicks):
    page = open_page(permissions=["camera"])
    says(page, "#model", "glass")
    page.evaluate(HELD_CAMERA)
    for _ in range(clicks):
        page.click("#camera")
    page.evaluate("openCamera()")
    asked = (clicks + 1) // 2
    wait_until(page, f"streams.length >= {asked}")
    on = clicks % 2
    wait_until(page, f"liveStreams() === {on}")
    page.wait_for_timeout(100)
    assert page.evaluate("liveStreams()") == on
    assert page.get_attribute("#camera", "aria-pressed") == ("true" if on else "false")
    assert page.is_visible("#video") is bool(on)
    if on:
        page.click("#camera")
        assert page.evaluate("liveStreams()") == 0


def test_the_camera_off_and_on_again_asks_no_oftener(open_page):
    page = open_page(permissions=["camera"])
    says(page, "#model", "glass")
    page.evaluate(
        """(results) => {
          window.asked = 0;
          window.held = [];
          window.fetch = () => new Promise((answer) => { window.asked += 1; window.held.push(answer); });
          window.answerAll = () => window.held.splice(0).forEach((answer) => answer(Response.json({ results })));
        }""",
        [DOUBTFUL],
    )
    page.click("#camera")
    wait_until(page, "asked === 1")
    page.click("#camera")
    page.click("#camera")
    wait_until(page, "asked === 2")
    page.evaluate("answerAll()")
    wait_until(page, "asked >= 3")
    page.wait_for_timeout(300)  # longer than the camera's pause: time for a second loop to ask, if there is one
    assert page.evaluate("asked") == 3


def wait_until(page, condition):
    """As `says`, for what is no text."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def test_states_of_doubt(open_page, bottle):
    """The page's words for what the server may answer; the server's own answers are tested without a browser."""
    page = open_page()
    answer = {**DOUBTFUL}
    page.route("**/v1/classify*", lambda route: route.fulfill(json={"results": [answer]}))
    upload(page, bottle)
    assert page.text_content("#verdict") == "Not sure: plastic or glass"
    assert page.text_content("#bin-name") == "Ask somebody"
    assert "closer" in page.text_content("#doubt")
    answer |= {"state": "none of these", "verdict": "none of these", "unknown": 0.9}
    upload(page, bottle)
    assert page.text_content("#verdict") == "None of these"
    assert page.get_attribute("#answer", "data-state") == "none of these"


def test_dark_and_light(open_page):
    grounds = {}
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert contrast(grounds[scheme], ink) > 7
    assert grounds == {"light": "rgb(246, 247, 245)", "dark": "rgb(18, 22, 19)"}


def contrast(one, other):
    """WCAG 2's ratio of two colours as CSS prints them."""

    def light(colour):
        values = [int(part) / 255 for part in colour[4:-1].split(",")]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_everything_has_a_name_and_can_be_reached_by_tab(open_page):
    page = open_page()
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.textContent || document.activeElement.labels[0].textContent")
        )
    assert names == ["Camera", "Choose a photo", "For programs"]  # the heatmap has nothing to show yet
    assert page.evaluate("[...document.images].every((image) => image.alt)")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_page_asks_for_the_key(open_page, bottle):
    server = ServerProcess("--api-key", "open sesame", "--workers", 1)
    try:
        page = open_page(server.address)
        page.wait_for_selector("#key-dialog[open]")
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        sync_api.expect(page.locator("#key")).to_have_value("", timeout=PATIENCE_MS)  # asked again
        page.wait_for_selector("#key-dialog[open]")
        page.fill("#key", "open sesame")
        page.keyboard.press("Enter")
        says(page, "#model", "glass")
        upload(page, bottle)
        assert page.text_content("#verdict").startswith("Glass")
        assert not page.is_visible("#feedback")  # this server keeps nothing
        page.complaints.clear()  # the browser itself notes each 401
    finally:
        server.end()
