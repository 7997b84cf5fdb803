"""The HTTP interface with real photos."""

import json
import re

import pytest
from PIL import Image

from recyclenet.predictor import Predictor
from recyclenet.serve.hosts import Hosts
from recyclenet.serve.shell import SECURITY_HEADERS
from tests.test_photo import HEIC

JPEG = {"Content-Type": "image/jpeg"}


def assert_problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert document["status"] == status
    assert document["detail"]
    return document["detail"]


def test_a_raw_photo_gets_the_answer_of_predict(client, photo, tmp_path, run):
    (answer,) = client.post("/v1/classify", content=photo, headers=JPEG).json()["results"]
    path = tmp_path / "bottle.jpg"
    path.write_bytes(photo)
    _, out, _ = run("predict", path, "--json")
    printed = json.loads(out)
    assert answer["bin"]["name"] == printed["bin"] == "glass"
    assert answer["probs"] == pytest.approx(printed["probs"], abs=1e-6)
    assert {key: answer[key] for key in ("label", "set")} == {key: printed[key] for key in ("label", "set")}
    assert answer["state"] == "sure"
    assert re.fullmatch(r"#[0-9a-f]{6}", answer["bin"]["colour"])
    assert "pictures" not in answer


def test_a_turned_photo_is_turned_once(client, photo, tmp_path, predictor):
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x112] = 6
    (tmp_path / "bottle.jpg").write_bytes(photo)
    with Image.open(tmp_path / "bottle.jpg") as upright:
        upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    (answer,) = client.post("/v1/classify", content=path.read_bytes()).json()["results"]
    assert answer["probs"] == pytest.approx(predictor.predict(path).probs, abs=1e-6)
    assert answer["probs"] == pytest.approx(predictor.predict(photo).probs, abs=1e-3)


def test_many_photos_are_answered_in_order_and_a_broken_one_alone_fails(client, photo, trashnet):
    metal = (trashnet / "dataset-resized/metal/metal12.jpg").read_bytes()
    files = [("a", ("one.jpg", photo)), ("b", ("two.txt", b"no photo")), ("c", ("three.jpg", metal))]
    response = client.post("/v1/classify", files=files)
    assert response.status_code == 200
    one, two, three = response.json()["results"]
    assert [item["name"] for item in (one, two, three)] == ["one.jpg", "two.txt", "three.jpg"]
    assert (one["label"], three["label"]) == ("glass", "metal")
    assert two.keys() == {"name", "error"}
    assert "not a photo" in two["error"]["detail"]


def test_pictures_are_those_of_the_model(client, photo):
    (answer,) = client.post("/v1/classify?pictures=true", content=photo, headers=JPEG).json()["results"]
    assert answer["pictures"].keys() == {"view", "heatmap"}
    assert all(text.startswith("data:image/jpeg;base64,/9j/") for text in answer["pictures"].values())
    assert answer["pictures"]["view"] != answer["pictures"]["heatmap"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF", "GIF"])
def test_other_formats(client, photo, tmp_path, kind):
    (tmp_path / "photo.jpg").write_bytes(photo)
    with Image.open(tmp_path / "photo.jpg") as opened:
        opened.save(tmp_path / "other", kind)
    response = client.post("/v1/classify", content=(tmp_path / "other").read_bytes())
    assert response.json()["results"][0]["label"] == "glass"


def test_heic(client):
    assert client.post("/v1/classify", content=HEIC, headers={"Content-Type": "image/heic"}).status_code == 200


def test_the_model_describes_itself_without_its_folder(make_client, tmp_path, predictor):
    from recyclenet.predictor import read_model

    path = tmp_path / "secret-place" / "mine.onnx"
    path.parent.mkdir()
    path.write_bytes(read_model(None))
    response = make_client(model=Predictor(path, threads=1)).get("/v1/model")
    about = response.json()
    assert about["name"] == "mine.onnx"
    assert "secret-place" not in response.text
    assert about["classes"] == list(predictor.classes)
    spec = predictor.preprocess
    assert (about["img_size"], about["resize"]) == (spec.img_size, spec.resize)
    assert (about["calibrated"], about["feedback"]) == (True, False)
    assert {"name": "packaging", "key": "packaging", "colour": "#f9a825", "hint": "empty it"} in about["bins"]


def test_health(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.head("/healthz").status_code == 200
    client.service.is_ready = False
    assert_problem(client.get("/readyz"), 503)


def test_everything_bears_the_security_headers(client, photo):
    client.service.answerer.answer = None  # a fault of the program itself
    broken = client.post("/v1/classify", content=photo, headers=JPEG)
    assert "NoneType" not in assert_problem(broken, 500)
    for response in (broken, *map(client.get, ("/", "/app.js", "/docs", "/openapi.json", "/none", "/v1/classify"))):
        assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert not any(name.startswith("access-control") for name in client.get("/").headers)


def test_what_is_not_there(client):
    assert_problem(client.get("/../etc/passwd"), 404)
    assert_problem(client.get("/v1/classify/"), 404)
    response = client.get("/v1/classify")
    assert_problem(response, 405)
    assert response.headers["allow"] == "POST"
    assert_problem(client.post("/v1/feedback?label=glass", content=b"x"), 404)
    assert "pictures" in assert_problem(client.post("/v1/classify?pictures=perhaps", content=b"x"), 422)


def test_openapi_lists_every_address_and_the_docs_show_it_without_other_sites(client):
    openapi = client.get("/openapi.json").json()
    assert openapi["openapi"].startswith("3.1")
    assert set(openapi["paths"]) == {"/v1/classify", "/v1/model", "/healthz", "/readyz", "/metrics"}
    body = openapi["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    assert set(body) == {"image/*", "application/octet-stream", "multipart/form-data"}
    assert "security" not in openapi["paths"]["/v1/model"]["get"]
    page = client.get("/docs").text
    assert all(f"{path}</code>" in page for path in openapi["paths"])
    assert "://" not in page


def test_the_page_names_no_other_site_and_is_not_sent_twice(client):
    for address in ("/", "/style.css", "/app.js", "/camera.js", "/service.js"):
        response = client.get(address)
        assert response.status_code == 200
        assert "://" not in response.text
        again = client.get(address, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    page = client.get("/").text
    assert "<style" not in page
    assert " style=" not in page


def test_the_key(make_client, photo):
    client = make_client(api_key="open sesame")
    for headers in ({}, {"X-API-Key": "open sesam"}, {"Authorization": "Bearer é"}, {"Authorization": "Basic x"}):
        headers = {name: value.encode() for name, value in headers.items()}
        response = client.post("/v1/classify", content=photo, headers=headers)
        assert_problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    for headers in ({"X-API-Key": "open sesame"}, {"Authorization": "Bearer open sesame"}):
        assert client.post("/v1/classify", content=photo, headers=headers).status_code == 200
        assert client.get("/metrics", headers=headers).status_code == 200
    assert_problem(client.get("/v1/model"), 401)
    assert_problem(client.get("/metrics"), 401)
    assert all(client.get(address).status_code == 200 for address in ("/", "/healthz", "/readyz", "/docs"))
    described = client.get("/openapi.json").json()["paths"]["/v1/model"]["get"]["security"]
    assert {name for item in described for name in item} == {"APIKeyHeader", "HTTPBearer"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere"}, 200),
        ({"Origin": "http://elsewhere"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Origin": "http://testserver"}, 200),
    ],
)
def test_pages_of_other_sites_are_turned_away(client, headers, status):
    assert client.get("/v1/model", headers=headers).status_code == status


def test_a_page_whose_name_points_here_since_a_moment_is_turned_away(make_client, tmp_path, photo):
    client = make_client(hosts=Hosts(is_private=True), feedback=tmp_path)
    rebound = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", **JPEG}
    for headers in (rebound, {**rebound, "Sec-Fetch-Site": "same-origin"}):
        detail = assert_problem(client.post("/v1/feedback?label=glass", content=photo, headers=headers), 403)
        assert "the name evil.example;" in detail
        assert "--allowed-host" in detail
    assert list(tmp_path.iterdir()) == []
    assert client.get("/healthz", headers=rebound).status_code == 200  # whoever restarts it may call it anything
    own = {"Host": "localhost:8000", "Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin", **JPEG}
    assert client.post("/v1/feedback?label=glass", content=photo, headers=own).status_code == 201


def test_metrics(client, photo):
    for _ in range(3):
        client.post("/v1/classify", content=photo, headers=JPEG)
    client.post("/v1/classify", content=b"x")
    client.get("/invented/by/somebody")
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples, kinds = {}, {}
    for line in response.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="[^"]*",?)+)\})? ([0-9.e+-]+)', line)
            assert match, line
            samples[match[1], match[2] or ""] = float(match[3])
    assert samples["recyclenet_requests_total", 'route="/v1/classify",status="200"'] == 3
    assert samples["recyclenet_requests_total", 'route="/v1/classify",status="422"'] == 1
    assert samples["recyclenet_requests_total", 'route="other",status="404"'] == 1
    assert samples["recyclenet_answers_total", 'label="glass",state="sure"'] == 3
    assert samples["recyclenet_in_flight", ""] == 1  # this one
    assert samples["recyclenet_queue_length", ""] == 0
    buckets = [value for (name, labels), value in samples.items() if name.endswith("_bucket") and "classify" in labels]
    assert buckets == sorted(buckets)
    assert buckets[-1] == samples["recyclenet_request_seconds_count", 'route="/v1/classify"'] == 4
    assert kinds["recyclenet_request_seconds"] == "histogram"
    assert {name for name, _ in samples if not re.search("_(bucket|sum|count)$", name)} <= set(kinds)
