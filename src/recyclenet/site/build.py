"""Every file of the static site, from a model and rules: the same input gives the same bytes."""

import hashlib
import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import recyclenet
from recyclenet.calibration import UNKNOWN_FROM
from recyclenet.page import PAGE_FILES, page_file
from recyclenet.page.about import about_model
from recyclenet.photo import MAX_ASPECT, MAX_BYTES, MAX_PIXELS
from recyclenet.predictor import Predictor
from recyclenet.rules import ASK, Rules

LIST = "site.json"
"""The list of a site's other files with their SHA-256."""

OFFLINE_WORKER = "offline-worker.js"

# Folders of this package as folders of the site.
_FOLDERS = {"web": "", "classifier": "classifier/", "runtime": "runtime/"}

# Also for hosts that send no headers of their own. 'wasm-unsafe-eval' lets onnxruntime-web compile its WebAssembly.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none'; "
    "base-uri 'none'"
)
_PLACE = "<!-- who gives the page out adds here what it needs -->"
_HEAD = f"""<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="theme-color" content="#1b6e3c">
<link rel="manifest" href="manifest.json">
<link rel="apple-touch-icon" href="icon-192.png">"""


def site_files(model: bytes, predictor: Predictor, rules: Rules) -> dict[str, bytes]:
    """Name in the folder, with slashes → content.

    Args:
        model: the bytes of the model's file.
        predictor: the same model, opened.
        rules: which material goes where.
    """
    made = {name: page_file(name) for name in PAGE_FILES}
    made["index.html"] = _with_head(made["index.html"].decode()).encode()
    for folder, place in _FOLDERS.items():
        for item in files("recyclenet.site").joinpath(folder).iterdir():
            made[place + item.name] = item.read_bytes()
    made["model.onnx"] = model
    made["model.json"] = _json(model_facts(predictor, rules))
    # The offline worker goes by the list, so it cannot stand in it; a change of any file is a change of its own bytes,
    # and this is how browsers notice a new edition.
    offline_worker = made.pop(OFFLINE_WORKER)
    hashes = {name: hashlib.sha256(made[name]).hexdigest() for name in sorted(made)}
    made[LIST] = _json({"program": f"recyclenet {recyclenet.__version__}", "files": hashes})
    edition = hashlib.sha256(made[LIST]).hexdigest()
    made[OFFLINE_WORKER] = f'const EDITION = "{edition}";\n\n'.encode() + offline_worker
    return made


def model_facts(predictor: Predictor, rules: Rules) -> dict[str, Any]:
    """model.json: `about` is for the page, everything else for the answer."""
    limits = {"body_bytes": MAX_BYTES, "pixels": MAX_PIXELS, "aspect": MAX_ASPECT}
    return {
        "about": about_model(predictor, rules, takes_feedback=False, limits=limits),
        "description": asdict(predictor.description),
        "unknown_from": UNKNOWN_FROM,
        "rules": rules_table(rules),
    }


def rules_table(rules: Rules) -> dict[str, Any]:
    """Rules as plain values, with the bin for asking.

    Bins are a list: their order counts where two cost the same, and JavaScript's objects do not keep that of numbers.
    """
    return {
        "bins": [{"key": key, **asdict(item)} for key, item in rules.bins.items()],
        "materials": dict(rules.materials),
        "costs": asdict(rules.costs),
        "ask": {"key": None, **asdict(ASK)},
    }


def _with_head(page: str) -> str:
    if page.count(_PLACE) != 1:
        raise ValueError("the page has no place for the site's head")
    return page.replace(_PLACE, _HEAD)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
