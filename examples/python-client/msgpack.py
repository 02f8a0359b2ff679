"""The part of msgpack that the protocol uses: nil, bool, int, float, str, bin, array, map. No extensions.

Nothing is allocated on the word of a length: every count must fit into the bytes that are left.
"""

from __future__ import annotations

import struct
from typing import Any, Final

MAX_MESSAGE_BYTES: Final = 1_048_576
MAX_FRAMES: Final = 512
MAX_DEPTH: Final = 16


class Malformed(Exception):
    """A whole WebSocket message is to be refused. `code` is the protocol's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class BrokenText:
    """A str that is no UTF-8: well-formed msgpack, but no field and no value may be one."""


BROKEN_TEXT: Final = BrokenText()


def encode(value: Any) -> bytes:
    """One value in its shortest format."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: Any) -> None:
    if value is None:
        out.append(0xC0)
    elif value is False or value is True:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _write_int(out, value)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        text = value.encode("utf-8")  # refuses lone surrogates
        _write_head(out, len(text), fix=(0xA0, 32), sized=((0xD9, "B"), (0xDA, "H"), (0xDB, "I")))
        out += text
    elif isinstance(value, bytes):
        _write_head(out, len(value), fix=None, sized=((0xC4, "B"), (0xC5, "H"), (0xC6, "I")))
        out += value
    elif isinstance(value, (list, tuple)):
        _write_head(out, len(value), fix=(0x90, 16), sized=((0xDC, "H"), (0xDD, "I")))
        for item in value:
            _write(out, item)
    elif isinstance(value, dict):
        _write_head(out, len(value), fix=(0x80, 16), sized=((0xDE, "H"), (0xDF, "I")))
        for key, item in value.items():
            _write(out, key)
            _write(out, item)
    else:
        raise TypeError(f"msgpack here has no {type(value).__name__}")


def _write_int(out: bytearray, value: int) -> None:
    if -32 <= value < 128:
        out.append(value & 0xFF)
        return
    formats = "BHIQ" if value >= 0 else "bhiq"
    for index, letter in enumerate(formats):
        try:
            out += struct.pack(f">B{letter}", (0xCC if value >= 0 else 0xD0) + index, value)
            return
        except struct.error:
            continue
    raise OverflowError("an integer beyond 64 bits")


def _write_head(
    out: bytearray, size: int, *, fix: tuple[int, int] | None, sized: tuple[tuple[int, str], ...]
) -> None:
    if fix is not None and size < fix[1]:
        out.append(fix[0] | size)
        return
    for marker, letter in sized:
        if size < 1 << (8 * struct.calcsize(letter)):
            out += struct.pack(f">B{letter}", marker, size)
            return
    raise OverflowError("too long for msgpack")


def decode_all(message: bytes, max_nodes: int) -> list[Any]:
    """All values of one WebSocket message, or Malformed. `max_nodes` counts the values within one frame."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise Malformed("frame_too_large", f"{len(message)} bytes")
    reader, values = _Reader(message, max_nodes), []
    while reader.at < len(message):
        if len(values) == MAX_FRAMES:
            raise Malformed("frame_too_large", "too many frames in one message")
        reader.nodes = 0
        values.append(reader.value(depth=1))
    return values


_NUMBERS: Final = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"} | {
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"
}  # fmt: skip
_SIZED: Final = {
    0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"),
    0xD9: ("str", ">B"), 0xDA: ("str", ">H"), 0xDB: ("str", ">I"),
    0xDC: ("array", ">H"), 0xDD: ("array", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
}  # fmt: skip


class _Reader:
    def __init__(self, message: bytes, max_nodes: int) -> None:
        self.message, self.max_nodes = message, max_nodes
        self.at = self.nodes = 0

    def take(self, count: int) -> bytes:
        if count > len(self.message) - self.at:
            raise Malformed("malformed_frame", "the message ends inside a value")
        self.at += count
        return self.message[self.at - count : self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > self.max_nodes:
            raise Malformed("frame_too_large", "too many values in one frame")
        marker = self.take(1)[0]
        if marker <= 0x7F or marker >= 0xE0:
            return marker if marker <= 0x7F else marker - 256
        if marker in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[marker]
        if marker in _NUMBERS:
            return self.number(_NUMBERS[marker])
        if marker in _SIZED:
            kind, form = _SIZED[marker]
            return self.sized(kind, self.number(form), depth)
        if marker <= 0xBF:
            kind = "map" if marker <= 0x8F else "array" if marker <= 0x9F else "str"
            return self.sized(kind, marker & (0x1F if kind == "str" else 0x0F), depth)
        raise Malformed("malformed_frame", f"the byte {marker:#x} is not used here")

    def sized(self, kind: str, size: int, depth: int) -> Any:
        if kind == "bin":
            return self.take(size)
        if kind == "str":
            try:
                return self.take(size).decode("utf-8")
            except UnicodeDecodeError:
                return BROKEN_TEXT
        if depth > MAX_DEPTH:
            raise Malformed("frame_too_large", "nested too deep")
        if size * (2 if kind == "map" else 1) > len(self.message) - self.at:
            raise Malformed("malformed_frame", "more elements claimed than bytes are left")
        if kind == "array":
            return [self.value(depth + 1) for _ in range(size)]
        result: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key == "__proto__":
                raise Malformed("malformed_frame", "a key that is not allowed")
            result[key] = self.value(depth + 1)
        return result
