from PIL import ImageColor

from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.rules import ASK, Bin, Rules, default_rules


def test_default_rules_cover_exactly_trashnet():
    rules = default_rules()
    assert set(rules.materials) == set(TRASHNET_CLASSES)
    assert set(rules.materials.values()) == set(rules.bins)


def test_default_bins():
    rules = default_rules()
    assert {label: rules.bin_for(label).name for label in TRASHNET_CLASSES} == {
        "glass": "glass",
        "paper": "paper and card",
        "cardboard": "paper and card",
        "plastic": "packaging",
        "metal": "packaging",
        "trash": "rest",
    }


def test_bins_differ_in_name_and_colour():
    bins = [*default_rules().bins.values(), ASK]
    assert len({one.name for one in bins}) == len({one.colour for one in bins}) == len(bins)
    for one in bins:
        assert one.colour == "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(one.colour))


def test_an_unknown_material_is_asked_about():
    rules = default_rules()
    assert ASK not in rules.bins.values()
    for label in ("wood", "", "Glass", "packaging"):
        assert rules.bin_for(label) is ASK


def test_a_material_whose_bin_is_missing_is_asked_about():
    rules = Rules({"a": Bin("a", "#000000")}, {"wood": "a", "stone": "b"})
    assert rules.bin_for("wood") == Bin("a", "#000000")
    assert rules.bin_for("stone") is ASK
    assert Rules().bin_for("wood") is ASK
