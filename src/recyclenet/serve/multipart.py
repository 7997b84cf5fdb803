"""The files of a multipart/form-data body that has been received whole."""

import logging
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from recyclenet.serve.problems import Problem

# It writes a line for every odd byte, which strangers could fill a disk with.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

_OTHER_FIELDS = 16
"""Form fields that are no files and are passed over; more of them serve no purpose."""

_NAME_LENGTH = 200


class Upload(NamedTuple):
    """A file as it came. `name` is what its sender calls it: shown to them again, used for nothing else."""

    name: str | None
    data: bytes


def parse_multipart(content_type: str, body: bytes, max_files: int) -> list[Upload]:
    """The files in the order sent; a form's empty file field is none.

    Raises:
        Problem: 422 for a damaged or truncated body, 413 for more than `max_files` files.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Problem(422, "multipart/form-data without a boundary in its Content-Type")
    collector = _Collector(max_files)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.begin,
                "on_header_field": collector.header_field,
                "on_header_value": collector.header_value,
                "on_header_end": collector.header_end,
                "on_part_data": collector.data,
                "on_part_end": collector.end,
                "on_end": collector.finish,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem(422, "the multipart/form-data body is damaged") from error
    if not collector.is_whole:
        raise Problem(422, "the multipart/form-data body is truncated")
    return collector.uploads


class _Collector:
    """Told of each piece as the parser comes by it."""

    def __init__(self, max_files: int) -> None:
        self.uploads: list[Upload] = []
        self.is_whole = False
        self._max_files = max_files
        self._others = 0
        self._field = b""
        self._value = b""
        self._disposition = b""
        self._pieces = bytearray()

    def begin(self) -> None:
        self._disposition = b""
        self._pieces = bytearray()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self._pieces += memoryview(data)[start:end]

    def end(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"filename")
        if name is None or not (name or self._pieces):
            self._others += 1
            if self._others > _OTHER_FIELDS:
                raise Problem(413, f"more than {_OTHER_FIELDS} form fields that are no files")
            return
        if len(self.uploads) == self._max_files:
            raise Problem(413, f"more than {self._max_files} files in one request")
        self.uploads.append(Upload(_shown(name), bytes(self._pieces)))

    def finish(self) -> None:
        self.is_whole = True


def _shown(name: bytes) -> str:
    text = name.decode("utf-8", "replace")[:_NAME_LENGTH]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
