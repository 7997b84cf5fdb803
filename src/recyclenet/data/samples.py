"""A dozen photos to try the program on: TrashNet's, or pictures drawn here when none can be had."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from platformdirs import user_cache_path

from recyclenet.atomic import replace_file, write_bytes
from recyclenet.data.download import download
from recyclenet.data.trashnet import PHOTO_FOLDER, is_intact, local_copy, manifest, matches
from recyclenet.errors import RecycleNetError

# The repository that holds TrashNet's photos as single files.
SAMPLES_URL = "https://raw.githubusercontent.com/sangminwoo/RecycleNet/62b27e23a54d921382c6f0ef3a4e0cbe89fca060/data/"

# The first two of each class in the official test list: photos that no model here was trained on, not chosen
# for their answers.
SAMPLES = tuple(
    f"{PHOTO_FOLDER}/{name.rstrip('0123456789')}/{name}.jpg"
    for name in (
        "glass12",
        "glass373",
        "paper70",
        "paper380",
        "cardboard31",
        "cardboard334",
        "plastic125",
        "plastic103",
        "metal159",
        "metal18",
        "trash44",
        "trash136",
    )
)

_TIMEOUT_S = 5


@dataclass(frozen=True)
class Samples:
    """Photos on disk with where they came from; `are_real` is false for the drawn stand-ins."""

    paths: tuple[Path, ...]
    source: str
    are_real: bool


def find_samples(cache: Path | None = None, get: Callable[[str], bytes] | None = None) -> Samples:
    """The sample photos: from the cache, the network, a local TrashNet, or drawn; in this order.

    Every photo is checked against its SHA-256 before it is used.

    Args:
        cache: where downloads are kept; the user's cache folder by default.
        get: fetches a URL's bytes, raising OSError when it cannot; the network by default.
    """
    cache = cache or user_cache_path("recyclenet") / "samples"
    entries = [manifest()[path] for path in SAMPLES]
    if all(is_intact(cache, entry) for entry in entries):
        return _real(cache, "TrashNet test photos (cached)")
    try:
        for entry in entries:
            if not is_intact(cache, entry):
                data = (get or _download)(SAMPLES_URL + entry.path)
                if not matches(entry, data):
                    raise OSError(f"{entry.path} is not the photo that was expected")
                write_bytes(cache / entry.path, data)
        return _real(cache, "TrashNet test photos (downloaded)")
    except (OSError, RecycleNetError):  # no network, or no place to keep them
        pass
    local = local_copy()
    if local is not None and all(is_intact(local, entry) for entry in entries):
        return _real(local, f"TrashNet test photos in {local}")
    try:
        return draw_samples(cache.parent / "drawn")
    except RecycleNetError:  # no writable cache
        return draw_samples(Path(tempfile.mkdtemp(prefix="recyclenet-")))


def _real(root: Path, source: str) -> Samples:
    return Samples(tuple(root / path for path in SAMPLES), source, are_real=True)


def _download(url: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return download(url, Path(folder, "photo"), max_bytes=1_000_000, timeout_s=_TIMEOUT_S).read_bytes()


def draw_samples(folder: Path) -> Samples:
    """Simple pictures of six things, drawn: enough to see the program run, not to judge its answers."""
    paths = []
    for name, draw in _DRAWINGS.items():
        picture = Image.new("RGB", (512, 384), "#e8e6e1")
        draw(ImageDraw.Draw(picture))
        path = folder / f"{name}.png"
        with replace_file(path) as temporary:
            picture.save(temporary)
        paths.append(path)
    return Samples(tuple(paths), "stand-ins drawn by this program, because no photos could be had", are_real=False)


def _bottle(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle((206, 150, 306, 350), 24, fill="#3f7d4f")
    draw.polygon([(216, 160), (296, 160), (272, 90), (240, 90)], fill="#3f7d4f")
    draw.rectangle((240, 40, 272, 95), fill="#4c9160")


def _sheet(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(150, 50), (380, 80), (350, 340), (130, 310)], fill="white", outline="#b0b0b0")
    for line in range(8):
        draw.line((175, 100 + 25 * line, 335, 120 + 25 * line), fill="#707070", width=3)


def _box(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(120, 150), (280, 200), (280, 340), (120, 290)], fill="#b58a56")
    draw.polygon([(280, 200), (410, 140), (410, 280), (280, 340)], fill="#9c7444")
    draw.polygon([(120, 150), (250, 95), (410, 140), (280, 200)], fill="#cda36f")


def _cup(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(180, 90), (330, 90), (300, 330), (210, 330)], fill="#d9ecf7", outline="#9cc3da")
    draw.ellipse((175, 75, 335, 105), fill="#f4fbff", outline="#9cc3da")


def _can(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((190, 80, 320, 320), fill="#a9adb3")
    draw.ellipse((190, 60, 320, 100), fill="#d5d8dc", outline="#808489")
    draw.ellipse((190, 300, 320, 340), fill="#8c9096")


def _wrapper(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(110, 180), (220, 120), (400, 150), (380, 260), (200, 270)], fill="#c2185b")
    draw.polygon([(220, 120), (400, 150), (300, 200)], fill="#7b1fa2")


_DRAWINGS: dict[str, Callable[[ImageDraw.ImageDraw], None]] = {
    "bottle": _bottle,
    "sheet": _sheet,
    "box": _box,
    "cup": _cup,
    "can": _can,
    "wrapper": _wrapper,
}
