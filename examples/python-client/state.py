"""What the device keeps: the logs of its conversations, outbox, cursor, epoch and deviceId."""

from __future__ import annotations

import json
import os
import uuid
from bisect import insort
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
Span = tuple[int, int, list[Entry]]
MAX_WAITING = 100


@dataclass
class Log:
    """One conversation: its row, the ids that are held, and the entries among them."""

    conversation_id: str
    row: dict[str, Any] | None = None
    head: int = 0  # the highest id that is known to exist for this user
    held: list[list[int]] = field(default_factory=list)  # ascending, never touching, both ends included
    entries: dict[int, Entry] = field(default_factory=dict)
    waiting: list[Span] = field(default_factory=list)  # spans behind a gap; never saved
    filling: bool = False  # one range of a conversation is asked for at a time; never saved

    @property
    def top(self) -> int:
        """The end of the newest range; 0 if nothing is held."""
        return self.held[-1][1] if self.held else 0

    def holds(self, message_id: int) -> bool:
        return any(first <= message_id <= last for first, last in self.held)

    def offer(self, after: int, through: int, entries: list[Entry]) -> list[Entry]:
        """A pushed span, which may come early: gives the entries that came to be held, ascending."""
        self.head = max(self.head, through)
        if after > self.top:
            if len(self.waiting) < MAX_WAITING:
                self.waiting.append((after, through, entries))
                self.waiting.sort(key=lambda span: span[:2])
            return []
        return self.add(after, through, entries)

    def add(self, after: int, through: int, entries: list[Entry]) -> list[Entry]:
        """A span that was asked for, or that joins what is held; what was waiting for it follows."""
        fresh = self._hold(after, through, entries)
        while self.waiting and self.waiting[0][0] <= self.top:
            fresh += self._hold(*self.waiting.pop(0))
        return fresh

    def cut(self, through: int) -> list[Entry]:
        """Forgets everything above `through`; gives what was there."""
        lost = [self.entries.pop(key) for key in sorted(self.entries) if key > through]
        self.held = [[first, min(last, through)] for first, last in self.held if first <= through]
        self.waiting.clear()
        self.head = through
        return lost

    def _hold(self, after: int, through: int, entries: list[Entry]) -> list[Entry]:
        fresh = [e for e in entries if after < e["messageId"] <= through and not self.holds(e["messageId"])]
        self.entries.update((e["messageId"], e) for e in fresh)
        if through > after:
            merged: list[list[int]] = []
            for first, last in sorted([*self.held, [after + 1, through]]):
                if merged and first <= merged[-1][1] + 1:
                    merged[-1][1] = max(merged[-1][1], last)
                else:
                    merged.append([first, last])
            self.held = merged
        return sorted(fresh, key=lambda e: int(e["messageId"]))


class State:
    """Everything that outlives a connection; with a file, everything that outlives the process.

    One state belongs to one user of one server, and to one running client.
    """

    def __init__(self, path: Path | None, owner: str) -> None:
        self._path = path
        self.owner = owner
        self.device_id = str(uuid.uuid4())
        self.outbox: list[dict[str, Any]] = []
        self.forget(epoch=None)
        if path is not None and path.exists():
            self._load(json.loads(path.read_text("utf-8")))
        self.save()

    def forget(self, epoch: str | None) -> None:
        """Another epoch: only outbox and deviceId stay."""
        self.epoch = epoch
        self.cursor: str | None = None
        self.logs: dict[str, Log] = {}

    def log(self, conversation_id: str) -> Log:
        return self.logs.setdefault(conversation_id, Log(conversation_id))

    def save(self) -> None:
        """Replaces the file as a whole: entries, ranges, cursor and outbox change together or not at all."""
        if self._path is None:
            return
        value = {
            "owner": self.owner, "deviceId": self.device_id, "epoch": self.epoch, "cursor": self.cursor,
            "outbox": self.outbox,
            "logs": [
                {"id": log.conversation_id, "row": log.row, "head": log.head, "held": log.held,
                 "entries": [log.entries[key] for key in sorted(log.entries)]}
                for log in self.logs.values()
            ],
        }  # fmt: skip
        fresh = self._path.with_name(self._path.name + ".new")
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)

    def _load(self, value: dict[str, Any]) -> None:
        if value["owner"] != self.owner:
            raise SystemExit(f"this state belongs to {value['owner']}")
        self.device_id, self.epoch, self.cursor = value["deviceId"], value["epoch"], value["cursor"]
        self.outbox = value["outbox"]
        for kept in value["logs"]:
            entries = {entry["messageId"]: entry for entry in kept["entries"]}
            self.logs[kept["id"]] = Log(kept["id"], kept["row"], kept["head"], kept["held"], entries)
