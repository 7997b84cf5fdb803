from dataclasses import replace

import pytest
from PIL import ImageColor

from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.rules import ASK, RULES, Bin, Costs, Rules, default_rules, load_rules


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


HAND = Rules(
    {"paper": Bin("paper", "#000001"), "rest": Bin("rest", "#000002")},
    {"paper": "paper", "bottle": "rest"},
    Costs(ask=0.5, wrong=1.0, of={"bottle": {"paper": 5.0}, "paper": {"rest": 0.4}}),
)


@pytest.mark.parametrize(
    ("paper", "key", "cost"),
    [
        # In the paper it costs 5 · (1 - p), in the rest 0.4 · p, asking 0.5: the rest never costs more than asking,
        # and the paper is cheaper from 5 (1 - p) = 0.4 p on, p = 0.9259….
        (0.0, "rest", 0.0),
        (0.6, "rest", 0.24),
        (0.9, "rest", 0.36),
        (0.92, "rest", 0.368),
        (0.93, "paper", 0.35),
        (1.0, "paper", 0.0),
    ],
)
def test_the_cheapest_bin_by_hand(paper, key, cost):
    made = HAND.decide({"paper": paper, "bottle": 1 - paper})
    assert (made.key, made.bin) == (key, HAND.bins[key])
    assert made.cost == pytest.approx(cost)


def test_asking_where_it_costs_less_by_hand():
    rules = replace(HAND, costs=replace(HAND.costs, ask=0.35))
    assert rules.decide({"paper": 0.8, "bottle": 0.2}).key == "rest"  # 0.32
    made = rules.decide({"paper": 0.9, "bottle": 0.1})  # rest 0.36, paper 0.5
    assert (made.key, made.bin, made.cost) == (None, ASK, 0.35)
    assert made.reason == "asking costs 0.35, rest 0.36 on average"
    equal = replace(HAND, costs=Costs(ask=0.3))
    assert equal.decide({"paper": 0.7, "bottle": 0.1 + 0.2}).key == "paper"  # 0.30000000000000004 is no more than 0.3


def test_two_materials_of_one_bin_are_no_doubt():
    assert default_rules().decide({"plastic": 0.5, "metal": 0.5}).bin.name == "packaging"


def test_what_is_none_of_them_is_asked_about():
    made = HAND.decide({"paper": 1.0}, is_unknown=True)
    assert (made.key, made.bin, made.reason) == (None, ASK, "none of these materials")
    assert Rules().decide({"paper": 1.0}).bin is ASK
    assert HAND.decide({"wood": 1.0}).bin is ASK  # no bin is right for it


@pytest.mark.parametrize("name", RULES)
def test_shipped_rules_know_every_material(name):
    rules = load_rules(name)
    assert set(rules.materials) == set(TRASHNET_CLASSES)
    assert set(rules.materials.values()) == set(rules.bins)
    for label in TRASHNET_CLASSES:
        made = rules.decide({label: 1.0})
        assert (made.bin, made.cost) == (rules.bin_for(label), 0)
    assert 0 < rules.costs.ask < rules.costs.wrong


def test_a_bottle_in_the_paper_costs_more_than_paper_in_the_rest():
    for name in ("default", "dual-stream"):
        rules = load_rules(name)
        paper, rest = rules.materials["paper"], rules.materials["trash"]
        assert rules.cost("glass", paper) > rules.cost("paper", rest)
        assert rules.cost("plastic", paper) > rules.cost("paper", rest)


OWN = """
[bins.a]
name = "A"
colour = "#123abc"
[materials]
wood = "a"
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bins = 3\nmaterials = {}", "bins must be a table"),
        ("[materials]", "the setting 'bins' is missing"),
        (OWN.replace("wood", "[x"), "cannot be read"),
        (OWN.replace("#123abc", "blue"), "colour must be written as #rrggbb, not 'blue'"),
        (OWN.replace('"A"', '""'), "name must have 1 to 60 printable characters"),
        (OWN.replace('wood = "a"', 'wood = "b"'), "wood goes into the bin 'b', which the file does not have; known: a"),
        (OWN + "[cost]", r"unknown setting 'cost'; did you mean costs\?"),
        (OWN + "[costs]\nask = -1", "every cost must lie between 0 and"),
        (OWN + "[costs]\nask = nan", "every cost must lie between 0 and"),
        (OWN + "[costs]\nask = true", "ask must be a number"),
        (OWN + "[costs.of.stone]\na = 1", "the material 'stone', which the file does not have"),
        (OWN + "[costs.of.wood]\nb = 1", "costs.of.wood: the bin 'b', which the file does not have"),
        (OWN + "[costs.of.wood]\na = 1", "a is its right bin and costs 0, not 1"),
        ("[bins]\n[materials]", "expected at least one bin"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, text, message):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecycleNetError, match=message) as caught:
        load_rules(str(tmp_path / "r.toml"))
    assert "r.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_rules_and_unknown_names(tmp_path):
    (tmp_path / "r.toml").write_text(OWN)
    assert load_rules(str(tmp_path / "r.toml")) == Rules({"a": Bin("A", "#123abc")}, {"wood": "a"})
    with pytest.raises(RecycleNetError, match="choose default, single-stream, dual-stream"):
        load_rules("none")
    with pytest.raises(RecycleNetError, match="cannot be read"):
        load_rules(str(tmp_path / "missing.toml"))


def test_of_bins_that_cost_the_same_the_first_is_taken_by_hand():
    """0.1 + 0.2 is more than 0.3 by rounding alone: both bins cost 0.3."""
    bins = {"first": Bin("first", "#000001"), "second": Bin("second", "#000002")}
    rules = Rules(bins, {"a": "first", "b": "second", "c": "second", "d": "first"}, Costs(wrong=1.0, ask=5.0))
    decision = rules.decide({"a": 0.3, "b": 0.1, "c": 0.2, "d": 0.0})
    assert 0.1 + 0.2 != 0.3
    assert (decision.key, round(decision.cost, 9)) == ("first", 0.3)


def test_what_the_rules_do_not_know_is_said():
    rules = default_rules()
    assert rules.gap(TRASHNET_CLASSES) is None
    assert rules.gap((*TRASHNET_CLASSES, "bottle-cap", "wood")).startswith("the rules say nothing of bottle-cap, wood:")
