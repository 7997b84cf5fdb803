"""What an ONNX file is made of, read from its bytes before onnxruntime gets them: a stranger's file is refused here.

The format is Protocol Buffers; field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from recyclenet.errors import RecycleNetError

MAX_BYTES = 1_000_000_000
"""Larger files are refused before they are read."""

_MOST_FIELDS = 2_000_000  # a model of a thousand layers has a hundredth of that
_DEEPEST = 16  # graphs within graphs
_MOST_DIMS = 16

# Bits of one number of each tensor type; text (8) has at least two bytes.
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 8: 16, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128}
_BITS |= {16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}
_TYPES = {1: "tensor(float)", 7: "tensor(int64)", 8: "tensor(string)", 10: "tensor(float16)", 11: "tensor(double)"}


@dataclass(frozen=True)
class Slot:
    """An input or output: its type as onnxruntime names it, its sides as numbers, names, or None."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


@dataclass
class OnnxFile:
    """Inputs without those that have a value in the file, outputs, and the metadata."""

    inputs: list[Slot] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


class _Malformed(Exception):  # noqa: N818 (becomes a RecycleNetError that names the file)
    pass


def read_onnx(data: bytes, name: str) -> OnnxFile:
    """Looks at every tensor of a model, those in subgraphs and functions included.

    Args:
        data: the file.
        name: how errors call it.

    Raises:
        RecycleNetError: not ONNX; tensors that lie in other files, are sparse, or are larger than what is there.
    """
    scan = _Scan()
    try:
        scan.model(memoryview(data))
    except (_Malformed, UnicodeDecodeError) as error:
        raise RecycleNetError(
            f"{name} is not a usable ONNX model, as 'recyclenet export' writes it: {error}"
        ) from error
    except RecycleNetError as error:
        raise RecycleNetError(f"{name} is refused: {error}") from error
    return scan.file


class _Scan:
    def __init__(self) -> None:
        self.file = OnnxFile()
        self._fields_left = _MOST_FIELDS

    def model(self, data: memoryview) -> None:
        graphs = 0
        for number, value in self._parts(data):
            if number == 7:
                self._graph(value, 0, is_main=True)
                graphs += 1
            elif number == 14:
                texts = {key: bytes(text).decode() for key, text in self._parts(value)}
                self.file.metadata[texts.get(1, "")] = texts.get(2, "")
            elif number == 20:  # training_info: initialization, algorithm
                for _, graph in self._parts(value):
                    self._graph(graph, 1)
            elif number == 25:  # functions: attributes, nodes
                for part, node in self._parts(value):
                    if part == 7:
                        self._node(node, 1)
                    elif part == 11:
                        self._attribute(node, 1)
        if not graphs:
            raise _Malformed("it has no graph")

    def _graph(self, data: memoryview, depth: int, is_main: bool = False) -> None:
        if depth > _DEEPEST:
            raise RecycleNetError(f"it has graphs within graphs, more than {_DEEPEST} deep")
        filled = set()
        slots: dict[int, list[Slot]] = {11: [], 12: []}
        for number, value in self._parts(data):
            if number == 1:
                self._node(value, depth)
            elif number == 5:
                filled.add(self._tensor(value))
            elif number == 15:
                raise RecycleNetError("it has sparse tensors, whose size in memory the file does not show")
            elif number in slots and is_main:
                slots[number].append(self._slot(value))
        self.file.inputs += [slot for slot in slots[11] if slot.name not in filled]
        self.file.outputs += slots[12]

    def _node(self, data: memoryview, depth: int) -> None:
        for number, value in self._parts(data):
            if number == 5:
                self._attribute(value, depth)

    def _attribute(self, data: memoryview, depth: int) -> None:
        for number, value in self._parts(data):
            if number in (5, 10):
                self._tensor(value)
            elif number in (6, 11):
                self._graph(value, depth + 1)
            elif number in (22, 23):
                raise RecycleNetError("it has sparse tensors, whose size in memory the file does not show")

    def _tensor(self, data: memoryview) -> str:
        """Checks one tensor; returns its name."""
        dims: list[int] = []
        kind, name, raw = 0, "", None
        for number, value in self._fields(data):
            if number == 1:
                dims += [value] if isinstance(value, int) else _varints(value)
            elif number == 2 and isinstance(value, int):
                kind = value & 0xFFFFFFFF
            elif number == 8 and not isinstance(value, int):
                name = bytes(value).decode()
            elif number == 9 and not isinstance(value, int):
                raw = len(value)
            elif number == 13 or (number == 14 and isinstance(value, int) and value & 0xFFFFFFFF):
                raise RecycleNetError(f"the numbers of its tensor {name[:80]!r} lie in another file (external data)")
        if kind not in _BITS or len(dims) > _MOST_DIMS or any(side >= 2**63 for side in dims):
            raise _Malformed(f"its tensor {name[:80]!r} has a type or shape that there is not")
        count = prod(dims)
        # Without raw bytes numbers are spelled out, each in a byte or more; small ones share theirs.
        fits = count <= 4 * len(data) if raw is None else -(-count * _BITS[kind] // 8) == raw
        if not fits:
            raise RecycleNetError(
                f"its tensor {name[:80]!r} claims {' × '.join(map(str, dims))} = {count:,} numbers, the file holds "
                f"{len(data) if raw is None else raw:,} bytes of it"
            )
        return name

    def _slot(self, data: memoryview) -> Slot:
        name, kind, shape = "", "", list[int | str | None]()
        for number, value in self._parts(data):
            if number == 1:
                name = bytes(value).decode()
            elif number == 2:
                kind, shape = self._type(value)
        return Slot(name, kind, tuple(shape))

    def _type(self, data: memoryview) -> tuple[str, list[int | str | None]]:
        kind, shape = "not a tensor", list[int | str | None]()
        for number, tensor in self._parts(data):
            if number != 1:
                continue
            for part, value in self._fields(tensor):
                if part == 1 and isinstance(value, int):
                    kind = _TYPES.get(value & 0xFFFFFFFF, f"tensor type {value}")
                elif part == 2 and not isinstance(value, int):
                    shape = [self._side(side) for number, side in self._parts(value) if number == 1]
        return kind, shape

    def _side(self, data: memoryview) -> int | str | None:
        side: int | str | None = None
        for number, value in self._fields(data):
            if number == 1 and isinstance(value, int):
                side = value
            elif number == 2 and not isinstance(value, int):
                side = bytes(value).decode()
        return side

    def _parts(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """The fields that are texts, bytes or messages."""
        for number, value in self._fields(data):
            if not isinstance(value, int):
                yield number, value

    def _fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        place = 0
        while place < len(data):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise RecycleNetError(f"it has more than {_MOST_FIELDS:,} parts")
            key, place = _varint(data, place)
            number, wire = key >> 3, key & 7
            if not 0 < number < 2**29:
                raise _Malformed(f"field number {number}")
            if wire == 0:
                value, place = _varint(data, place)
                yield number, value
                continue
            if wire == 2:
                length, place = _varint(data, place)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise _Malformed(f"another format, or damaged (wire type {wire})")
            if length > len(data) - place:
                raise _Malformed("it ends too early")
            yield number, data[place : place + length]
            place += length


def _varints(data: memoryview) -> list[int]:
    """At most one more than a tensor may have sides."""
    place, found = 0, list[int]()
    while place < len(data) and len(found) <= _MOST_DIMS:
        value, place = _varint(data, place)
        found.append(value)
    return found


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise _Malformed("it ends too early")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), place
    raise _Malformed("a number of more than 64 bits")
