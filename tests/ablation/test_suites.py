import pytest

from recyclenet.ablation.published import TEST_PHOTOS, published_for
from recyclenet.ablation.suites import LEVERS, SUITES, recipe_tables, suite_tables
from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.summary import count_params
from recyclenet.recipes import load_recipe, override

PAPER_ARCHS = ("resnet18", "resnet34", "resnet50")


def variants(suite, archs=PAPER_ARCHS, **kwargs):
    tables = suite_tables(suite, archs, **kwargs)
    return {variant.key: variant for table in tables for variant in table.variants}


def test_every_published_line_is_a_variant_with_exactly_its_parameters():
    found = {key: published_for(variant) for key, variant in variants("paper").items()}
    published = {key: line for key, line in found.items() if line is not None}
    # Three from scratch, three plain, nine with a module in its published place, and for ResNet18 its three variants.
    assert len(published) == 3 + 3 + 9 + 3
    for key, line in published.items():
        params = count_params(variants("paper")[key].model, 6)
        assert round(params / 1e6, 2) == pytest.approx(line.params_millions), key


def test_published_percentages_are_whole_photos():
    for variant in variants("paper").values():
        if line := published_for(variant):
            assert 100 * line.correct / TEST_PHOTOS == pytest.approx(line.accuracy, abs=0.011), variant.key


def test_keys_and_names_are_as_different_as_the_variants():
    found = variants("paper")
    all_of_them = [variant for table in suite_tables("paper", PAPER_ARCHS) for variant in table.variants]
    distinct = []
    for variant in all_of_them:
        if variant not in distinct:
            distinct.append(variant)
    assert len(found) == len(distinct)
    assert len({(variant.model.arch, variant.name) for variant in distinct}) == len(distinct)


def test_modules_are_compared_in_their_published_places_and_in_the_same_place():
    (table,) = suite_tables("modules", ["resnet18"])
    places = {(variant.model.attn, variant.model.attn_at) for variant in table.variants[1:]}
    assert places == {(attn, at) for attn in ("se", "cbam", "recyclenet") for at in ("final", "blocks")}
    assert table.baseline.model.attn == "none"
    (table,) = suite_tables("modules", ["mobilenetv2_100"], {"pad_type": "same"})
    assert [variant.model.attn_at for variant in table.variants] == ["final"] * 4
    assert all(variant.model.arch_args == {"pad_type": "same"} for variant in table.variants)


def test_gates_and_combinations():
    (gates,) = suite_tables("gates", ["resnet18"])
    assert [variant.model for variant in gates.variants] == [
        ModelConfig(),
        ModelConfig(attn="recyclenet", gates=("spatial",)),
        ModelConfig(attn="recyclenet", gates=("channel",)),
        ModelConfig(attn="recyclenet"),
    ]
    (combine,) = suite_tables("combine", ["resnet18"])
    assert [variant.model.combine for variant in combine.variants] == ["mul", "max", "sum"]
    assert combine.baseline.model.combine == "sum"


def test_without_weights_everything_starts_from_scratch():
    assert all(not variant.pretrained for variant in variants("paper", pretrained=False).values())
    (table,) = suite_tables("pretraining", ["resnet18"], pretrained=False)
    assert len(table.variants) == 1
    both = suite_tables("pretraining", ["resnet18"])[0].variants
    assert [variant.pretrained for variant in both] == [False, True]


def test_published_figures_are_for_exactly_that_network():
    (table,) = suite_tables("combine", ["resnet18"], {"pad_type": "same"})
    assert [published_for(variant) for variant in table.variants] == [None] * 3


def test_recipes_that_keep_part_of_the_backbone_have_no_attention_in_its_blocks():
    (table,) = suite_tables("modules", ["resnet18"], whole_network=False)
    assert [variant.model.attn for variant in table.variants] == ["none", "se", "cbam", "recyclenet"]
    assert not any(variant.model.attn_in_blocks for variant in table.variants)
    for suite in ("pretraining", "paper"):
        with pytest.raises(RecycleNetError, match=f"'{suite}' needs a recipe that trains whole networks"):
            suite_tables(suite, ["resnet18"], whole_network=False)


def test_an_architecture_named_twice_makes_one_table():
    assert len(suite_tables("gates", ["resnet18", "resnet18"])) == 1


def test_paper_is_all_the_others():
    single = [table for name in SUITES if name != "paper" for table in suite_tables(name, PAPER_ARCHS)]
    assert suite_tables("paper", PAPER_ARCHS) == single


def test_unknown_suites_list_what_is_near():
    with pytest.raises(RecycleNetError, match="unknown suite 'module'; did you mean modules"):
        suite_tables("module", ["resnet18"])


def test_a_recipe_stands_beside_itself_without_each_of_its_levers():
    best = load_recipe("best")
    (table,) = recipe_tables(best, ["resnet18"], {"output_stride": 16})
    assert table.baseline == table.variants[0]
    assert table.baseline.settings == ()
    assert all(variant.model == table.baseline.model for variant in table.variants)
    assert table.baseline.model == ModelConfig(attn="recyclenet", arch_args={"output_stride": 16})
    changed = [dict(variant.settings) for variant in table.variants[1:]]
    assert {name for line in changed for name in line} == set(LEVERS) - {"layer_decay", "cutmix", "consistency"}, (
        "best uses every other lever"
    )
    for line in changed:
        override(best, line)  # a recipe all the same
    (plain,) = recipe_tables(load_recipe("paper"), ["resnet18"], {})
    assert [variant.settings for variant in plain.variants[1:]] == []


def test_with_teachers_one_line_more_learns_from_them():
    plain, taught = (
        recipe_tables(load_recipe("best"), ["resnet18"], {}, [{"mixup": 0.5}], teachers=teachers)[0].variants
        for teachers in (False, True)
    )
    assert taught[:-1] == plain
    assert not any(variant.taught for variant in plain)
    assert (taught[-1].taught, taught[-1].settings) == (True, ())
    assert taught[-1].name == f"{plain[0].name}, taught"
    assert len({variant.key for variant in taught}) == 3
    assert published_for(taught[-1]) is None, "nobody taught the original"
    (table,) = recipe_tables(load_recipe("best"), ["resnet18"], {}, [{"distill": 0.3}, {"mixup": 0}], teachers=True)
    assert [variant.taught for variant in table.variants] == [False, True, False, True]


def test_changes_of_ones_own_have_names_and_folders_of_their_own():
    changes = [{"mixup": 0.5}, {"epochs": 40, "lr": 1e-3}, {"augment": "a/../b"}]
    first, second = recipe_tables(load_recipe("best"), ["resnet18", "resnet34"], {}, changes, pretrained=False)
    assert (first.arch, second.arch) == ("resnet18", "resnet34")
    names = [variant.name for variant in first.variants]
    assert names[2] == "RecycleNet at the end, gates combined by sum, epochs 40, lr 0.001, from scratch"
    keys = [variant.key for table in (first, second) for variant in table.variants]
    assert len(set(keys)) == len(keys) == 8
    assert not any("/" in key for key in keys)
    assert published_for(recipe_tables(load_recipe("paper"), ["resnet18"], {})[0].baseline) is not None
    changed = recipe_tables(load_recipe("paper"), ["resnet18"], {}, changes)[0].variants[1]
    assert published_for(changed) is None
