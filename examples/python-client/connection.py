"""One connection: hello, requests and their answers. What is pushed goes to its owner."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Callable

from frames import Frame, decode_message, encode_frame
from msgpack import MAX_MESSAGE_BYTES
from websocket import WebSocket

ANSWER_TIMEOUT = 15.0
MAX_BACKOFF = 30.0


def jitter(attempt: int) -> float:
    """Full jitter: between nothing and a cap that doubles from half a second."""
    return random.uniform(0, min(MAX_BACKOFF, 0.5 * 2 ** min(attempt, 10)))


class ChatError(Exception):
    """A request was refused."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"{frame['code']}: {frame['message']}")
        self.code: str = frame["code"]
        self.retryable: bool = frame["retryable"]
        self._retry_after: int | None = frame.get("retryAfter")

    def delay(self, attempt: int) -> float:
        return jitter(attempt) if self._retry_after is None else self._retry_after / 1000


class Lost(Exception):
    """This connection is to be given up; the next one syncs."""


class Connection:
    def __init__(self, socket: WebSocket, on_push: Callable[[Frame], None]) -> None:
        self._socket, self._on_push = socket, on_push
        self._next_id = 0
        self._pending: dict[int, asyncio.Future[Frame]] = {}

    @classmethod
    async def open(cls, url: str, on_push: Callable[[Frame], None]) -> Connection:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return cls(await WebSocket.connect(url, "chat.v1", MAX_MESSAGE_BYTES), on_push)

    async def read(self) -> None:
        """Reads until the connection ends. Raises what ended it."""
        while True:
            for frame in decode_message(await self._socket.receive()):
                self._handle(frame)

    def close(self) -> None:
        self._socket.close()
        for future in self._pending.values():
            future.cancel()

    def post(self, kind: str, **fields: Any) -> asyncio.Future[Frame]:
        """Sends a request at once; the order of calls is the order on the wire."""
        self._next_id += 1
        self._socket.send(encode_frame({"type": kind, "requestId": self._next_id, **fields}))
        future = self._pending[self._next_id] = asyncio.get_running_loop().create_future()
        return future

    async def answer(self, future: asyncio.Future[Frame], timeout: float = ANSWER_TIMEOUT) -> Frame:
        """The answer, or ChatError. None in time means that the connection is dead."""
        try:
            return await asyncio.wait_for(future, timeout)
        except TimeoutError as error:
            raise Lost("no answer in time") from error

    async def request(self, kind: str, **fields: Any) -> Frame:
        """Sends a request, and sends it again as long as its failure may pass."""
        attempt = 0
        while True:
            try:
                return await self.answer(self.post(kind, **fields))
            except ChatError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(error.delay(attempt))
                attempt += 1

    def _handle(self, frame: Frame) -> None:
        request_id = frame.get("requestId", 0)
        future = self._pending.pop(request_id, None)
        if frame["type"] == "invalid" or (frame["type"] == "unknown" and future is not None):
            raise Lost(f"a frame that can't be read, code {frame['code']}")
        if future is None:
            self._on_push(frame)
        elif future.done():
            return
        elif frame["type"] == "error":
            future.set_exception(ChatError(frame))
        else:
            future.set_result(frame)
