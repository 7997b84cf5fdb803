"""What is in a site's folder, and which folders `recyclenet site` takes."""

import gzip
import hashlib
import json
import os
from importlib.resources import files

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.predictor import read_model
from recyclenet.rules import load_rules
from recyclenet.site.build import site_files
from recyclenet.site.folder import write_site


@pytest.fixture
def made(predictor):
    return site_files(read_model(None), predictor, load_rules("default"))


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_the_runtime_is_what_its_maker_published():
    """onnxruntime-web 1.30.0: dist/ort.wasm.bundle.min.mjs, and dist/ort-wasm-simd-threaded.wasm gzipped."""
    runtime = files("recyclenet.site").joinpath("runtime")
    script, wasm = (runtime.joinpath(name).read_bytes() for name in ("ort.js", "ort.wasm.bin"))
    assert sha256(script) == "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"
    assert sha256(gzip.decompress(wasm)) == "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"


def test_the_list_has_every_file_and_the_offline_worker_goes_by_the_list(made, predictor):
    listed = json.loads(made["site.json"])["files"]
    assert listed == {
        name: sha256(data) for name, data in made.items() if name not in ("site.json", "offline-worker.js")
    }
    assert f'"{sha256(made["site.json"])}"'.encode() in made["offline-worker.js"].splitlines()[0]
    again = site_files(read_model(None), predictor, load_rules("default"))
    assert again == made  # else visitors would fetch anew what has not changed
    other = site_files(read_model(None), predictor, load_rules("single-stream"))
    assert [name for name in made if made[name] != other[name]] == ["model.json", "site.json", "offline-worker.js"]


def test_icons_are_as_large_as_the_manifest_says(made):
    from io import BytesIO

    from PIL import Image

    icons = json.loads(made["manifest.json"])["icons"]
    sizes = {icon["src"]: icon["sizes"] for icon in icons if icon["type"] == "image/png"}
    assert sizes == {name: "{}x{}".format(*Image.open(BytesIO(made[name])).size) for name in sizes}
    assert sorted(sizes.values()) == ["192x192", "512x512", "512x512"]


def test_a_new_folder_and_the_same_again(tmp_path, made):
    out = tmp_path / "deep" / "site"
    assert write_site(out, made) == out
    assert contents(out) == made
    write_site(out, {**made, "style.css": b"/* new */"})
    assert contents(out)["style.css"] == b"/* new */"
    assert list(out.parent.iterdir()) == [out]  # nothing is left of the work


def test_an_empty_folder_and_a_link_to_one(tmp_path, made):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    write_site(tmp_path / "link", made)
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "there") == made


@pytest.mark.parametrize("name", ["CNAME", ".git/config", "classifier/notes.txt"])
def test_files_of_others_are_left_alone(tmp_path, made, name):
    write_site(tmp_path / "site", made)
    other = tmp_path / "site" / name
    other.parent.mkdir(exist_ok=True)
    other.write_text("mine")
    before = contents(tmp_path / "site")
    with pytest.raises(RecycleNetError, match=rf"holds {name}, not written by"):
        write_site(tmp_path / "site", made)
    assert contents(tmp_path / "site") == before


@pytest.mark.parametrize("text", ["[]", "{}", '{"files": 3}', "no JSON", "[" * 100_000])
def test_a_foreign_list_makes_no_site(tmp_path, made, text):
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(RecycleNetError, match=r"holds site\.json, not written by"):
        write_site(tmp_path, made)


def test_a_file_in_the_way(tmp_path, made):
    (tmp_path / "site").write_text("mine")
    with pytest.raises(RecycleNetError, match="is a file"):
        write_site(tmp_path / "site", made)


def test_what_stops_in_the_middle_leaves_the_old_site(tmp_path, made):
    write_site(tmp_path / "site", made)
    with pytest.raises(RecycleNetError, match="cannot write"):
        write_site(tmp_path / "site", {"index.html": b"new", "index.html/impossible": b""})
    assert contents(tmp_path / "site") == made
    assert os.listdir(tmp_path) == ["site"]
