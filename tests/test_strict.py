import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.strict import check_range, choices, from_dict


@dataclass(frozen=True)
class Inner:
    width: int = 1
    colour: Literal["red", "blue"] = "red"

    def __post_init__(self) -> None:
        check_range("width", self.width, 0, 9)


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    rate: float = 0.5
    count: int = 1
    flag: bool = False
    names: tuple[str, ...] = ()
    triple: tuple[float, float, float] = (0.0, 0.0, 0.0)
    maybe: tuple[float, float] | None = None
    scalar: bool | int | float | str = ""
    table: dict[str, int] = field(default_factory=dict)
    parts: dict[str, Inner] = field(default_factory=dict)
    anything: Any = None


def build(**values: Any) -> Outer:
    return from_dict(Outer, {"name": "x", **values}, "file")


def test_a_whole_table():
    made = from_dict(
        Outer,
        {
            "name": "a",
            "inner": {"width": 3, "colour": "blue"},
            "rate": 0.25,
            "count": 7,
            "flag": True,
            "names": ["p", "q"],
            "triple": [1.0, 2.0, 3.0],
            "maybe": [4.0, 5.0],
            "scalar": "s",
            "table": {"k": 2},
            "parts": {"left": {"width": 2}},
            "anything": [None, {}],
        },
        "file",
    )
    assert made == Outer(
        "a",
        Inner(3, "blue"),
        0.25,
        7,
        True,
        ("p", "q"),
        (1.0, 2.0, 3.0),
        (4.0, 5.0),
        "s",
        {"k": 2},
        {"left": Inner(2)},
        [None, {}],
    )


def test_defaults_stand_in():
    assert build() == Outer("x")


@pytest.mark.parametrize("table", [None, [], "name", 3, [("name", "x")]])
def test_only_a_table_will_do(table):
    with pytest.raises(RecycleNetError, match=rf"^file: expected a table of settings, found {type(table).__name__}$"):
        from_dict(Outer, table, "file")


def test_a_missing_key_is_named():
    with pytest.raises(RecycleNetError, match=r"^file: the setting 'name' is missing$"):
        from_dict(Outer, {"rate": 1.0}, "file")


@pytest.mark.parametrize(
    ("key", "hint"),
    [("nmae", "did you mean name"), ("tripel", r"did you mean triple\?"), ("zzzz", "known: name, inner, rate")],
)
def test_an_unknown_key_gets_near_matches(key, hint):
    with pytest.raises(RecycleNetError, match=rf"^file: unknown setting '{key}'; {hint}"):
        build(**{key: 1})


def test_an_unknown_key_deep_inside_is_located():
    with pytest.raises(RecycleNetError, match=r"^file: inner: unknown setting 'widht'; did you mean width\?$"):
        build(inner={"widht": 1})
    with pytest.raises(RecycleNetError, match=r"^file: parts: unknown setting 'widht'"):
        build(parts={"left": {"widht": 1}})


@pytest.mark.parametrize("key", [3, None, ("a",)])
def test_a_key_that_is_no_text(key):
    with pytest.raises(RecycleNetError, match="unknown setting"):
        from_dict(Outer, {"name": "x", key: 1}, "file")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": True}, "count must be a whole number, not True"),
        ({"count": 1.0}, "count must be a whole number, not 1.0"),
        ({"count": "1"}, "count must be a whole number, not '1'"),
        ({"count": None}, "count must be a whole number, not None"),
        ({"rate": True}, "rate must be a number, not True"),
        ({"rate": "0.1"}, "rate must be a number, not '0.1'"),
        ({"flag": 1}, "flag must be true or false, not 1"),
        ({"flag": "true"}, "flag must be true or false, not 'true'"),
        ({"name": 5}, "name must be a text, not 5"),
        ({"name": ["x"]}, r"name must be a text, not \['x'\]"),
        ({"names": "pq"}, "names must be a list, not 'pq'"),
        ({"names": {"p": 1}}, "names must be a list"),
        ({"names": ["p", 2]}, "names must be a text, not 2"),
        ({"triple": [1, 2]}, "triple must have 3 values, not 2"),
        ({"triple": [1, 2, 3, 4]}, "triple must have 3 values, not 4"),
        ({"triple": [1, 2, False]}, "triple must be a number, not False"),
        ({"maybe": [1]}, "maybe must have 2 values, not 1"),
        ({"maybe": 3}, "maybe must be a list, not 3"),
        ({"scalar": [1]}, "scalar must be true or false"),
        ({"scalar": None}, "scalar must be true or false"),
        ({"table": [1]}, r"table must be a table, not \[1\]"),
        ({"table": {"k": True}}, "table must be a whole number, not True"),
        ({"table": {3: 1}}, "table must be a text, not 3"),
        ({"inner": 3}, "inner: expected a table of settings, found int"),
        ({"inner": {"colour": "green"}}, "inner: colour must be one of red, blue, not 'green'"),
        ({"inner": {"colour": []}}, r"inner: colour must be one of red, blue, not \[\]"),
        ({"inner": {"width": "3"}}, "inner: width must be a whole number"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(values, message):
    with pytest.raises(RecycleNetError, match=f"^file: {message}"):
        build(**values)


def test_a_whole_number_becomes_a_float_where_one_is_due():
    made = build(rate=2, triple=[1, 2, 3])
    assert (made.rate, made.triple) == (2.0, (1.0, 2.0, 3.0))
    assert {type(value) for value in (made.rate, *made.triple)} == {float}


@pytest.mark.parametrize("huge", [10**400, -(10**400)], ids=["above", "below"])
def test_a_whole_number_too_large_for_a_float_is_refused(huge):
    with pytest.raises(RecycleNetError, match="rate"):
        build(rate=huge)


@pytest.mark.parametrize("value", [True, False, 0, 1, 1.5, 1.0, "text", ""])
def test_a_union_keeps_the_type(value):
    made = build(scalar=value).scalar
    assert made == value
    assert type(made) is type(value)


def test_none_where_it_is_allowed():
    assert build(maybe=None).maybe is None
    assert build(maybe=(1, 2)).maybe == (1.0, 2.0)


def test_a_range_error_gets_its_place():
    with pytest.raises(RecycleNetError, match=r"^file: inner: width must lie between 0 and 9, not 10$"):
        build(inner={"width": 10})


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_check_range_includes_its_ends(value):
    check_range("share", value, 0, 1)


@pytest.mark.parametrize("value", [-0.001, 1.001, math.nan, math.inf, -math.inf])
def test_check_range_refuses(value):
    with pytest.raises(RecycleNetError, match=r"^share must lie between 0 and 1, not"):
        check_range("share", value, 0, 1)


def test_choices_lists_few_and_counts_many():
    assert choices("glas", ["glass", "paper"]) == "did you mean glass?"
    assert choices("qqq", ["glass", "paper"]) == "known: glass, paper"
    assert choices("qqq", [f"name{n}" for n in range(30)]).startswith("known: name0, name1,")
    assert choices("qqq", [f"name{n}" for n in range(31)]) == "31 names are known, none of them near"
