"""A WebSocket client (RFC 6455) over asyncio streams: binary messages, one subprotocol, no extensions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
import struct
from typing import Final
from urllib.parse import urlsplit

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


class Closed(Exception):
    """The connection is over. `code` is the close code, 1006 if there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code, self.reason = code, reason


class Refused(Exception):
    """The upgrade was not answered with 101 and what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


class WebSocket:
    """An open connection. Made by `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int) -> None:
        self._reader, self._writer, self._limit = reader, writer, limit

    @classmethod
    async def connect(cls, url: str, subprotocol: str, limit: int) -> WebSocket:
        """Opens `url`. Messages above `limit` bytes close the connection with 1009."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or parts.hostname is None:
            raise ValueError("a WebSocket URL begins with ws:// or wss://")
        tls = ssl.create_default_context() if parts.scheme == "wss" else None
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if tls else 80), ssl=tls
        )
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            writer.write(
                f"GET {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:])
            }
            status = int(head[0].split()[1])
            accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
            if status != 101 or headers.get("sec-websocket-accept") != accept:
                raise Refused(status, "no WebSocket here")
            if headers.get("sec-websocket-protocol") != subprotocol:
                raise Refused(status, f"the server does not speak {subprotocol}")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, ValueError) as error:
            writer.close()
            raise Refused(0, "no answer to the upgrade") from error
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer, limit)

    def send(self, message: bytes) -> None:
        """Writes one binary message; what can't be written shows in `receive`."""
        self._write(_BINARY, message)

    async def receive(self) -> bytes:
        """The next binary message. Raises Closed."""
        message, started = bytearray(), False
        while True:
            final, opcode, payload = await self._frame(self._limit - len(message))
            if opcode == _PING:
                self._write(_PONG, payload)
            elif opcode == _CLOSE:
                self._write(_CLOSE, payload[:2])
                self._writer.close()
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Closed(code, payload[2:].decode("utf-8", "replace"))
            elif opcode == _TEXT:
                self._fail(1003)
            elif opcode in (_BINARY, _CONTINUATION):
                if started != (opcode == _CONTINUATION):
                    self._fail(1002)
                message += payload
                started = True
                if final:
                    return bytes(message)
            elif opcode != _PONG:
                self._fail(1002)

    def close(self, code: int = 1000) -> None:
        """Says goodbye and leaves without waiting for the answer."""
        if not self._writer.is_closing():
            self._write(_CLOSE, struct.pack(">H", code))
            self._writer.close()

    def _fail(self, code: int) -> None:
        self.close(code)
        raise Closed(code, "by this client")

    async def _frame(self, limit: int) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size >= 126:
                form = ">H" if size == 126 else ">Q"
                size = struct.unpack(form, await self._reader.readexactly(struct.calcsize(form)))[0]
            control = bool(first & 0x08)
            # No reserved bit is in use, a server never masks, and a control frame is short and whole.
            if first & 0x70 or second & 0x80 or (control and (size > 125 or not first & 0x80)):
                self._fail(1002)
            if not control and size > limit:
                self._fail(1009)
            return bool(first & 0x80), first & 0x0F, await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self._writer.close()
            raise Closed(1006, "cut") from error

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._writer.is_closing():
            return
        size, mask = len(payload), os.urandom(4)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        self._writer.write(head + mask + masked)
