"""A chat client for the terminal, written from docs/protocol.md: python3 chat_client.py --help"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import uuid
from pathlib import Path
from typing import Any, Callable

from connection import ChatError, Connection, Lost, jitter
from frames import Frame
from msgpack import Malformed
from state import State
from sync import ENTRY_FIELDS, Emit, Sync
from websocket import Closed, Refused

PONG_TIMEOUT = 10.0
TERMINAL_CLOSE = 4426


def first_of(error: BaseException) -> BaseException:
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class LoginRefused(Exception):
    """The token is no good, and there is no other."""


class ChatClient:
    def __init__(self, url: str, user: str, token: str, state: State, emit: Emit) -> None:
        self.url, self.user, self.token, self.state, self.emit = url, user, token, state, emit
        self.online, self.sent_all = asyncio.Event(), asyncio.Event()
        self.attempt, self.not_before, self.text_characters = 0, 0.0, 4096
        self.answered: set[str] = set()  # acknowledged; in the outbox until the entry is held

    # --- Connection ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects again and again. Raises LoginRefused or Closed when there is no use in it."""
        while True:
            try:
                await self._session()
            except (Lost, Closed, Refused, ChatError, OSError, TimeoutError, Malformed) as error:
                if isinstance(error, Closed) and error.code == TERMINAL_CLOSE:
                    raise
                self.emit("disconnected", reason=str(error) or type(error).__name__)
            delay = max(jitter(self.attempt), self.not_before - asyncio.get_running_loop().time())
            self.attempt += 1
            await asyncio.sleep(delay)

    async def _session(self) -> None:
        self.connection = await Connection.open(self.url, self._on_push)
        self.under_way: dict[str, str] = {}  # clientMessageId: conversationId; sent and not answered
        self.synced = False
        self.answered.clear()
        self.resting: dict[str, ChatError] = {}  # conversations that wait after a failure
        self.failures: dict[str, int] = {}
        try:
            async with asyncio.TaskGroup() as self.tasks:
                self.sync = Sync(
                    self.state, self.connection, self.tasks, self.emit, self._tell_when_sent, self._pump
                )
                self.tasks.create_task(self.connection.read())
                self.tasks.create_task(self._begin())
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        finally:
            self.online.clear()
            self.connection.close()

    async def _begin(self) -> None:
        hello = self.connection.post(
            "hello", minor=0, capabilities=[], token=self.token, deviceId=self.state.device_id,
            agent="chat-python/1.0", userId=self.user,
        )  # fmt: skip
        try:
            welcome = await self.connection.answer(hello)
        except ChatError as error:
            if error.retryable:
                raise
            raise LoginRefused(str(error)) from error
        if self.state.epoch != welcome["epoch"]:
            self.state.forget(welcome["epoch"])
            self.state.save()
        self.text_characters = welcome["textCharacters"]
        self.emit("welcome", userId=welcome["userId"], epoch=welcome["epoch"])
        self.online.set()
        self.tasks.create_task(self._heartbeat(welcome["heartbeatInterval"] / 1000))
        for conversation_id in {item["conversationId"] for item in self.state.outbox}:
            self._pump(conversation_id)
        await self.sync.run()
        self.synced, self.attempt = True, 0

    def _on_push(self, frame: Frame) -> None:
        if frame["type"] == "entries":
            self.sync.take(frame["conversationId"], frame["after"], frame["through"], frame["entries"])
        elif frame["type"] == "conversation-changed":
            self.sync.take_rows([frame["row"]], {})
            self.state.save()
        elif frame["type"] == "going-away":
            self.not_before = asyncio.get_running_loop().time() + frame["reconnectDelay"] / 1000
            raise Lost(f"the server goes away, back in {frame['reconnectDelay']} ms")
        elif frame["type"] == "error":  # of the connection: the close follows
            self.emit("refused", code=frame["code"], message=frame["message"])

    async def _heartbeat(self, interval: float) -> None:
        await asyncio.sleep(random.uniform(0, interval))
        while True:
            await self.ping()
            await asyncio.sleep(interval)

    async def ping(self) -> None:
        """Asks what was missed. Its cursor counts once the sync is through; what it names is then known."""
        pong = await self.connection.answer(self.connection.post("ping"), PONG_TIMEOUT)
        for head in pong["heads"]:
            log = self.state.log(head["conversationId"])
            log.head = max(log.head, head["head"])
            if log.row is None:
                self.sync.take_rows([await self.sync.row(log)], {})
            self.sync.fill(log)
        if self.synced:  # before, it would skip what happened before this connection
            self.state.cursor = pong.get("cursor", self.state.cursor)
        self.state.save()
        self.emit("pong", heads=len(pong["heads"]))

    # --- Sending ------------------------------------------------------------------------------------------

    def send(self, conversation_id: str, text: str) -> None:
        """Into the outbox, durably; from there to the server as soon as there is one."""
        key = str(uuid.uuid4())
        if len(text) > self.text_characters:
            return self.emit("failed", clientMessageId=key, code="text_too_long", text=text)
        self.state.outbox.append({"conversationId": conversation_id, "clientMessageId": key, "text": text})
        self.state.save()
        self.sent_all.clear()
        self.emit("queued", clientMessageId=key, text=text)
        self._pump(conversation_id)

    def _pump(self, conversation_id: str) -> None:
        if not self.online.is_set() or conversation_id in self.resting:
            return
        for item in [item for item in self.state.outbox if item["conversationId"] == conversation_id]:
            key = item["clientMessageId"]
            if key in self.under_way or key in self.answered:
                continue
            first = None if conversation_id in self.under_way.values() else True
            self.under_way[key] = conversation_id
            future = self.connection.post("send-message", **item, first=first)
            self.tasks.create_task(self._await_stored(item, future))

    async def _await_stored(self, item: dict[str, Any], future: asyncio.Future[Frame]) -> None:
        key, conversation_id = item["clientMessageId"], item["conversationId"]
        try:
            stored = await self.connection.answer(future)
        except ChatError as error:
            del self.under_way[key]
            if error.retryable:
                self.resting.setdefault(conversation_id, error)
            else:
                self.state.outbox.remove(item)
                self.state.save()
                self.emit("failed", clientMessageId=key, code=error.code, text=item.get("text"))
                self._tell_when_sent()
        else:
            del self.under_way[key]
            self.answered.add(key)
            self.failures.pop(conversation_id, None)
            place = {k: stored[k] for k in ("messageId", "createdAt", "ordinal", "fingerprint")}
            said = {k: item[k] for k in ENTRY_FIELDS if k in item}
            self.sync.take(conversation_id, place["messageId"] - 1, place["messageId"],
                       [{"senderId": self.user} | place | said])  # fmt: skip
        if conversation_id in self.resting and conversation_id not in self.under_way.values():
            attempt = self.failures[conversation_id] = self.failures.get(conversation_id, 0) + 1
            await asyncio.sleep(self.resting[conversation_id].delay(attempt))
            del self.resting[conversation_id]
            self._pump(conversation_id)

    def _tell_when_sent(self) -> None:
        self.answered.intersection_update(item["clientMessageId"] for item in self.state.outbox)
        if not self.state.outbox:
            self.sent_all.set()

    async def create_group(self, conversation_id: str, members: list[str]) -> None:
        """Under one key until it is answered, over as many connections as it takes."""
        fields = {"conversationId": conversation_id, "clientMessageId": str(uuid.uuid4()), "members": members}
        while True:
            await self.online.wait()
            try:
                answer = await self.connection.request(
                    "create-conversation", conversationType="group", **fields
                )
                return self.sync.take_rows([answer["row"]], {})
            except ChatError as error:
                return self.emit("failed", conversationId=conversation_id, code=error.code)
            except (Lost, asyncio.CancelledError):
                if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise


# --- The command line ------------------------------------------------------------------------------------


def print_json(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def print_plain(event: str, **fields: Any) -> None:
    if event == "entry":
        said = fields.get("text") or f"({fields.get('kind', 'data')})"
        print(f"[{fields['conversationId']}] #{fields['messageId']} {fields['senderId']}: {said}", flush=True)
    elif event in ("welcome", "disconnected", "failed", "refused", "diverged"):
        print(f"-- {event} {fields}", file=sys.stderr, flush=True)


async def obey(client: ChatClient, lines: asyncio.Queue[str | None], chosen: str | None) -> None:
    """Lines are messages, but for: /to ID, /new ID USER…, /ping, /quit."""
    while (line := await lines.get()) is not None:
        command, *words = line.split() or [""]
        if command == "/quit":
            return
        if command == "/ping" and client.online.is_set():
            client.tasks.create_task(client.ping())
        elif command == "/to" and words:
            chosen = words[0]
        elif command == "/new" and words:
            chosen = words[0]
            await client.create_group(chosen, words[1:])
        elif line and chosen is not None:
            client.send(chosen, line)
    client._tell_when_sent()
    await client.sent_all.wait()


async def main(arguments: argparse.Namespace) -> int:
    emit = print_json if arguments.json else print_plain
    state = State(arguments.state, f"{arguments.user} at {arguments.url}")
    client = ChatClient(arguments.url, arguments.user, arguments.token, state, emit)
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read_lines() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read_lines, daemon=True).start()
    running = asyncio.create_task(client.run())
    obeying = asyncio.create_task(obey(client, lines, arguments.to))
    await asyncio.wait((running, obeying), return_when=asyncio.FIRST_COMPLETED)
    over = running.exception() if running.done() else None
    running.cancel()
    obeying.cancel()
    await asyncio.gather(running, obeying, return_exceptions=True)
    if over is not None:
        emit("refused", code=type(over).__name__, message=str(over))
    return 0 if over is None else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Prints what is said, sends the lines of stdin.")
    parser.add_argument("url", help="ws://HOST:PORT/chat")
    parser.add_argument("user")
    parser.add_argument("token")
    parser.add_argument("--to", metavar="ID", help="the conversation that lines go to")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep all there, else in memory")
    parser.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    sys.exit(asyncio.run(main(parser.parse_args())))
