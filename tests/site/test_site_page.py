"""The page without a server, in a real Chromium; its picture goes to docs/ when RECYCLENET_SCREENSHOT is set."""

import os

import pytest
from PIL import Image

from recyclenet.rules import default_rules
from tests.browser import PHONE, needs_chromium, says, upload
from tests.conftest import REPOSITORY
from tests.site.conftest import wait_for_model

pytestmark = needs_chromium


@pytest.fixture
def fresh(page):
    """The page as it is before any photo."""
    page.reload()
    wait_for_model(page)
    return page


def test_a_photo_gets_pythons_answer_on_a_phone(page, bottle, predictor):
    upload(page, bottle)
    made = predictor.predict(bottle)
    target = default_rules().decide(made.probs, is_unknown=made.is_unknown).bin
    assert page.text_content("#verdict").lower().startswith(made.verdict)
    assert page.text_content("#bin-name").endswith(target.name)
    assert f"{100 * made.probs['paper']:.1f} %" in page.locator("#bars li").all_inner_texts()[1]
    assert page.evaluate("document.querySelector('#picture').naturalWidth") == predictor.preprocess.img_size
    page.click("#heatmap")
    assert page.is_visible("#heat")
    assert page.evaluate("document.querySelector('#heat').naturalWidth") == predictor.preprocess.img_size
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_what_needs_a_server_is_not_there(page, bottle):
    upload(page, bottle)
    assert not page.is_visible("#wrong")
    assert page.locator("a").count() == 0
    assert "stay on this device" in page.inner_text("footer")


def test_the_live_camera_has_a_thread_of_its_own(fresh):
    page = fresh
    page.context.grant_permissions(["camera"])
    page.click("#camera")
    page.wait_for_selector("#answer:not([hidden])")
    assert page.is_visible("#video")
    assert page.evaluate("document.querySelector('#video').videoWidth") > 0
    assert [worker.url.rpartition("/some/where/")[2] for worker in page.workers] == ["classifier/worker.js"]
    page.click("#camera")
    assert page.evaluate("document.querySelector('#video').srcObject") is None


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"


@pytest.mark.parametrize(
    ("data", "message"),
    [(HEIC, "cannot read HEIC"), (b"no photo at all", "Not a photo"), (b"", "The file is empty")],
    ids=["heic", "text", "nothing"],
)
def test_what_is_no_photo_here_is_said(fresh, tmp_path, data, message):
    (tmp_path / "photo.jpg").write_bytes(data)
    fresh.set_input_files("#file", tmp_path / "photo.jpg")
    says(fresh, "[role=alert]", message)
    assert not fresh.is_visible("#answer")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((8000, 5001), "8000×5001 is more than the limit of 40 megapixels; make it smaller first"),
        ((1000, 15), "1000×15 is too narrow: at most 64 times as long as wide"),
    ],
)
def test_sizes_that_python_refuses_are_refused_in_its_words(page, tmp_path, size, message):
    Image.new("1", size).save(tmp_path / "odd.png")
    page.set_input_files("#file", tmp_path / "odd.png")
    says(page, "[role=alert]", message)


def test_a_host_without_the_model_is_said(open_page, host, bottle):
    (host.folder / "model.onnx").unlink()
    page = open_page(host.site)
    says(page, "[role=alert]", "The model cannot be loaded")
    host.put("default")
    upload(page, bottle)  # it tries again
    assert page.text_content("#bin-name")
    page.complaints.clear()  # the browser itself notes the 404


def test_it_can_be_installed(page):
    devtools = page.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/some/where/manifest.json")
    errors = {error["errorId"] for error in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}  # as every page in a test's profile is


def test_picture_for_the_docs(open_page, host, bottle):
    if not os.environ.get("RECYCLENET_SCREENSHOT"):
        pytest.skip("RECYCLENET_SCREENSHOT is not set")
    page = open_page(host.site, viewport={"width": 960, "height": 620}, color_scheme="dark")
    upload(page, bottle)
    page.click("#heatmap")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # for the bars to reach their length
    page.screenshot(path=REPOSITORY / "docs" / "site.jpg", type="jpeg", quality=88)
