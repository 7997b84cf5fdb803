"""Plain JSON or TOML values into dataclasses, strictly: unknown keys, missing ones and wrong types raise."""

import dataclasses
import difflib
import reprlib
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from recyclenet.errors import RecycleNetError

T = TypeVar("T")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises RecycleNetError unless low <= value <= high (NaN fails)."""
    if not low <= value <= high:
        raise RecycleNetError(f"{name} must lie between {low} and {high}, not {value}")


def from_dict(cls: type[T], table: Any, where: str) -> T:
    """Builds a dataclass from plain JSON or TOML values, strictly.

    Args:
        cls: the dataclass; nested dataclasses, tuples, literals, unions with None and dicts are followed.
        table: a dict with string keys.
        where: how errors name the place, for example a file's name.

    Raises:
        RecycleNetError: not a table, an unknown or missing key, or a value of the wrong type.
    """
    if not isinstance(table, dict):
        raise RecycleNetError(f"{where}: expected a table of settings, found {type(table).__name__}")
    hints = typing.get_type_hints(cls)
    fields = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise RecycleNetError(f"{where}: unknown setting {key!r}; {choices(str(key), fields)}")
    for name, item in fields.items():
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise RecycleNetError(f"{where}: the setting {name!r} is missing")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return cls(**values)
    except RecycleNetError as error:
        message = str(error)
        raise RecycleNetError(message if message.startswith(where) else f"{where}: {message}") from error


def choices(name: str, known: Iterable[str]) -> str:
    """Text for an error about an unknown name: the near matches, or the whole list where it is short."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if len(names) <= 30:
        return f"known: {', '.join(names)}"
    return f"{len(names)} names are known, none of them near"


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is not None:
        return _GENERIC[origin](typing.get_args(hint), value, where)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type[Any], hint), value, where)
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise RecycleNetError(f"{where} is too large a number") from None
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecycleNetError(f"{where} must be {_TYPE_WORDS.get(hint, hint.__name__)}, not {reprlib.repr(value)}")
    return value


def _convert_literal(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in args:
        raise RecycleNetError(f"{where} must be one of {', '.join(map(str, args))}, not {reprlib.repr(value)}")
    return value


def _convert_list(args: tuple[Any, ...], value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise RecycleNetError(f"{where} must be a list, not {reprlib.repr(value)}")
    return [_convert(args[0], part, where) for part in value]


def _convert_dict(args: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise RecycleNetError(f"{where} must be a table, not {reprlib.repr(value)}")
    return {_convert(args[0], key, where): _convert(args[1], part, where) for key, part in value.items()}


def _convert_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecycleNetError(f"{where} must be a list, not {reprlib.repr(value)}")
    if args[-1] is Ellipsis:
        return tuple(_convert(args[0], part, where) for part in value)
    if len(value) != len(args):
        raise RecycleNetError(f"{where} must have {len(args)} values, not {len(value)}")
    return tuple(_convert(item, part, where) for item, part in zip(args, value, strict=True))


def _convert_union(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in args:
        return None
    # bool before int, int before float: a union lists its narrow types first.
    problems = []
    for option in args:
        if option is type(None):
            continue
        try:
            return _convert(option, value, where)
        except RecycleNetError as error:
            problems.append(str(error))
    raise RecycleNetError(problems[0])


_GENERIC: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    typing.Union: _convert_union,
    types.UnionType: _convert_union,
    Literal: _convert_literal,
    tuple: _convert_tuple,
    list: _convert_list,
    dict: _convert_dict,
}
_TYPE_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
