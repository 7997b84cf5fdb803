"""The original's published figures, to stand beside what is measured here.

Source: the tables of https://github.com/sangminwoo/RecycleNet; accuracy over the 431 photos of TrashNet's test split,
one run each. Its code leaves out SE, CBAM and some of the pretrained weights that these tables speak of.
"""

from dataclasses import dataclass

from recyclenet.ablation.suites import Variant
from recyclenet.config import ModelConfig

TEST_PHOTOS = 431


@dataclass(frozen=True)
class Published:
    """A published line: accuracy in percent, parameters in millions."""

    accuracy: float
    params_millions: float

    @property
    def correct(self) -> int:
        """Test photos answered right."""
        return round(self.accuracy / 100 * TEST_PHOTOS)


# By arch, then by what is special about the network: see `published_for`.
_FIGURES: dict[str, dict[str, Published]] = {
    "resnet18": {
        "scratch": Published(70.302, 11.18),
        "none": Published(90.023, 11.18),
        "se": Published(87.703, 11.27),
        "cbam": Published(79.814, 11.27),
        "sum": Published(93.039, 11.24),
        "max": Published(92.575, 11.24),
        "mul": Published(91.647, 11.24),
        "spatial": Published(92.807, 11.20),
    },
    "resnet34": {
        "scratch": Published(64.965, 21.29),
        "none": Published(93.271, 21.29),
        "se": Published(88.863, 21.45),
        "cbam": Published(81.439, 21.45),
        "sum": Published(93.968, 21.35),
    },
    "resnet50": {
        "scratch": Published(58.701, 23.52),
        "none": Published(93.735, 23.52),
        "se": Published(91.879, 26.05),
        "cbam": Published(82.135, 26.05),
        "sum": Published(94.2, 24.15),
    },
}


def published_for(variant: Variant) -> Published | None:
    """What was published for exactly this network and start, or None; it speaks of TrashNet's own test split."""
    model = variant.model
    plain = ModelConfig(model.arch, model.attn, model.attn_at, model.gates, model.combine)
    return _FIGURES.get(model.arch, {}).get(_what(variant)) if model == plain else None


def _what(variant: Variant) -> str:
    model = variant.model
    if variant.settings or variant.taught:
        return ""
    if not variant.pretrained:
        return "scratch" if model.attn == "none" else ""
    if model.attn == "none":
        return "none"
    if model.attn != "recyclenet":
        return model.attn if model.attn_at == "blocks" else ""
    if model.attn_at != "final":
        return ""
    if model.gates == ("spatial",):
        return "spatial"
    return model.combine if len(model.gates) == 2 else ""
