"""The way of entries and rows into the state: pushes, changes, gaps, and a store that has forgotten."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

from connection import ChatError, Connection, Lost
from frames import Frame
from state import Entry, Log, State

PAGE = 200  # rows or entries asked for at once
FAR = 1_000  # with more than so much missing, the newest page is fetched and the rest left out
ENTRY_FIELDS = ("clientMessageId", "text", "kind", "data", "replyTo", "mentions")  # what the sender said
Emit = Callable[..., None]


class Sync:
    """Lives as long as one connection."""

    def __init__(
        self, state: State, connection: Connection, tasks: asyncio.TaskGroup, emit: Emit,
        on_commit: Callable[[], None], on_again: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.state, self.connection, self.tasks, self.emit = state, connection, tasks, emit
        self._on_commit, self._on_again = on_commit, on_again
        self.versions: dict[str, int] = {}
        for log in state.logs.values():
            log.filling = False
            log.waiting.clear()

    async def run(self) -> None:
        for log in self.state.logs.values():
            self.fill(log)
        try:
            if self.state.cursor is None:
                self.state.cursor = await self._first_sync()
            more = True
            while more:
                tops = self._tops()
                answer = await self.connection.request("list-changes", limit=PAGE, cursor=self.state.cursor)
                self.take_rows(answer["rows"], tops)
                self.state.cursor, more = answer["cursor"], answer["more"]
                self.state.save()
        except ChatError as error:
            self.emit("refused", code=error.code, message=str(error))
            if error.code != "cursor_invalid":
                raise Lost(str(error)) from error
            self.state.cursor = None
            return await self.run()
        self.emit("synced", conversations=len(self.state.logs))

    async def _first_sync(self) -> str:
        cursor, page = None, {}
        while True:
            tops = self._tops()
            answer = await self.connection.request("list-conversations", limit=PAGE, **page)
            self.take_rows(answer["rows"], tops)
            cursor = cursor or answer["cursor"]
            if "next" not in answer:
                return str(cursor)
            page = {"page": answer["next"]}

    def _tops(self) -> dict[str, int]:
        return {key: log.top for key, log in self.state.logs.items()}

    async def row(self, log: Log) -> Frame:
        answer = await self.connection.request("get-conversation", conversationId=log.conversation_id)
        row: Frame = answer["row"]
        return row

    def take_rows(self, rows: list[Frame], tops: dict[str, int]) -> None:
        """`tops` is what was held when the rows were asked for: a member's head below that has gone back."""
        for row in rows:
            log = self.state.log(row["conversationId"])
            if row["version"] < self.versions.get(log.conversation_id, 0):
                continue  # a newer one has overtaken it
            self.versions[log.conversation_id] = row["version"]
            if log.row is not None and log.row["joinedAt"] < row["joinedAt"] and row["visibleFrom"] <= log.top:
                log.cut(row["visibleFrom"] - 1)  # more of it is visible now than was then
            held = log.entries.get(row["head"])
            back = row["member"] and row["head"] < tops.get(log.conversation_id, 0)
            if back or (held is not None and held["fingerprint"] != row["headFingerprint"]):
                self._alone(log, self._recover)
                continue
            log.row = row
            self.emit("conversation", **{k: row[k] for k in ("conversationId", "head", "member")})
            log.head = max(log.head, row["head"])
            self.fill(log)

    def fill(self, log: Log) -> None:
        if log.top < log.head:
            self._alone(log, self._fill_gap)

    def _alone(self, log: Log, work: Callable[[Log], Any]) -> None:
        async def run() -> None:
            try:
                await work(log)
            finally:
                log.filling = False

        if not log.filling:
            log.filling = True
            self.tasks.create_task(run())

    async def _fill_gap(self, log: Log) -> None:
        while log.top < log.head:
            top = log.top
            where = {"after": top}
            if log.head - top > FAR:
                where = {"before": log.head + 1}
            elif top in log.entries:
                where["fingerprint"] = log.entries[top]["fingerprint"]
            self.emit("gap", conversationId=log.conversation_id, held=top, head=log.head)
            try:
                answer = await self.connection.request(
                    "get-range", conversationId=log.conversation_id, limit=PAGE, **where
                )
            except ChatError as error:
                if error.code == "diverged":
                    return await self._recover(log)
                return self.emit("failed", conversationId=log.conversation_id, code=error.code)
            fresh = log.add(answer["after"], answer["through"], answer["entries"])
            if log.top <= top:
                log.head = top  # there is no more after all
            self._commit(log, fresh, fresh)
            self.emit("filled", conversationId=log.conversation_id, through=log.top)

    async def _recover(self, log: Log) -> None:
        """The store has forgotten something: back to the common prefix, and send again what was lost."""
        known, low, high = sorted(log.entries), 0, len(log.entries)
        while low < high:
            entry = log.entries[known[(low + high) // 2]]
            position = {"after": entry["messageId"], "fingerprint": entry["fingerprint"]}
            try:
                await self.connection.request(
                    "get-range", conversationId=log.conversation_id, limit=1, **position
                )
                low = (low + high) // 2 + 1
            except ChatError as error:
                if error.code != "diverged":
                    raise Lost(str(error)) from error
                high = (low + high) // 2
        common = known[low - 1] if low else 0
        own = [e for e in log.cut(common) if "clientMessageId" in e and e.get("kind", "x-").startswith("x-")]
        conversation = {"conversationId": log.conversation_id}
        for entry in own:
            if entry.get("replyTo", 0) > common:
                del entry["replyTo"]  # another entry may stand there now
        self.state.outbox[:0] = [conversation | {k: e[k] for k in ENTRY_FIELDS if k in e} for e in own]
        self.state.save()
        self.emit("diverged", **conversation, common=common, again=len(own))
        self._on_again(log.conversation_id)
        log.row = await self.row(log)
        log.head = max(log.head, log.row["head"])
        await self._fill_gap(log)

    def take(self, conversation_id: str, after: int, through: int, entries: list[Entry]) -> None:
        """The door for pushes and acknowledgements."""
        log = self.state.log(conversation_id)
        known = log.holds(through)
        fresh = log.offer(after, through, entries)
        if known:
            self.emit("duplicate", conversationId=conversation_id, through=through)
        self._commit(log, fresh, [*fresh, *entries])
        self.fill(log)

    def _commit(self, log: Log, fresh: list[Entry], told: list[Entry]) -> None:
        """Entries, ranges and what they take out of the outbox: kept together, shown afterwards."""
        stored = {e.get("clientMessageId"): e["messageId"] for e in told if log.holds(e["messageId"])}
        done = [item for item in self.state.outbox if item["clientMessageId"] in stored]
        self.state.outbox = [item for item in self.state.outbox if item not in done]
        self.state.save()
        for item in done:
            key = item["clientMessageId"]
            self.emit("stored", clientMessageId=key, messageId=stored[key], text=item.get("text"))
        for entry in fresh:
            self.emit("entry", conversationId=log.conversation_id, **entry)
        self._on_commit()
