"""The frames of docs/protocol.md as tables, and the way between a frame (a dict) and its bytes."""

from __future__ import annotations

import json
import math
import re
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Final

import msgpack

Frame = dict[str, Any]
MAX_INT: Final = 2**53 - 1
REQUEST_NODES: Final = 16_384
ANSWER_NODES: Final = 300_000
FIRST_PUSH: Final = 96

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Broken(Exception):
    """A value that breaks its rule."""


@dataclass(frozen=True)
class Kind:
    """A type of the tables: to msgpack's values and back."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    name: str
    kind: Kind
    optional: bool = False
    in_run: str = ""
    derive: Callable[[Frame], Any] | None = None


def _checked(test: Callable[[Any], bool]) -> Kind:
    def check(value: Any) -> Any:
        if not test(value):
            raise Broken(repr(value)[:60])
        return value

    return Kind(check, check)


def _is_uint(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INT


def _text(limit: int) -> Kind:
    return _checked(lambda value: isinstance(value, str) and len(value) <= limit)


def _short(limit: int) -> Kind:
    return _checked(lambda value: isinstance(value, str) and len(value.encode()) <= limit)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value.encode()) <= 128 and not _CONTROL.search(value)


def _encode_id(value: Any) -> Any:
    if not _is_id(value):
        raise Broken("no id")
    return uuid.UUID(value).bytes if _UUID.fullmatch(value) else value


def _decode_uuid(value: Any) -> str:
    if not isinstance(value, bytes) or len(value) != 16:
        raise Broken("no uuid")
    return str(uuid.UUID(bytes=value))


def _decode_id(value: Any) -> str:
    if isinstance(value, bytes):
        return _decode_uuid(value)
    if not _is_id(value) or _UUID.fullmatch(value):
        raise Broken("no id")
    return str(value)


def _encode_uuid(value: Any) -> bytes:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise Broken("no uuid")
    return uuid.UUID(value).bytes


def _json_value(value: Any, levels: int) -> Any:
    """The value as it counts for the size of `data`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, (list, dict)) and levels > 0:
        if isinstance(value, list):
            return [_json_value(item, levels - 1) for item in value]
        return {key: _json_value(item, levels - 1) for key, item in value.items()}
    raise Broken("not JSON")


def _data(limit: int, depth: int = 8) -> Kind:
    def fits(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        text = json.dumps(_json_value(value, depth), ensure_ascii=False, separators=(",", ":"))
        return len(text.encode()) <= limit

    return _checked(fits)


def _word(*words: str) -> Kind:
    def decode(value: Any) -> str:
        if not _is_uint(value) or value >= len(words):
            raise Broken("an unknown word")
        return words[value]

    return Kind(words.index, decode)


def _array(limit: int, kind: Kind) -> Kind:
    def every(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def apply(value: Any) -> list[Any]:
            if not isinstance(value, list) or len(value) > limit:
                raise Broken("no such array")
            return [change(item) for item in value]

        return apply

    return Kind(every(kind.encode), every(kind.decode))


def _pack(fields: tuple[Field, ...], value: Frame, before: Frame | None = None) -> list[Any]:
    items: list[Any] = []
    for field in fields:
        item = value.get(field.name)
        if item is None and not field.optional:
            raise Broken(f"{field.name} is missing")
        derived = field.derive is not None and field.derive(value) == item
        repeated = field.in_run == "repeat" and before is not None and before[field.name] == item
        if item is None or derived or repeated:
            items.append(None)
        elif field.in_run == "step" and before is not None:
            items.append(item - before[field.name])
        else:
            items.append(field.kind.encode(item))
    while items and items[-1] is None:
        items.pop()
    return items


def _unpack(fields: tuple[Field, ...], items: Any, before: Frame | None = None) -> Frame:
    if not isinstance(items, list):
        raise Broken("no array")
    value: Frame = {}
    for index, field in enumerate(fields):
        item = items[index] if index < len(items) else None
        if item is not None:
            if field.in_run == "step" and before is not None:
                if type(item) is not int:
                    raise Broken(f"{field.name} is no step")
                item += before[field.name]
            value[field.name] = field.kind.decode(item)
            continue
        derived = field.derive(value) if field.derive else None
        if field.in_run == "repeat" and before is not None:
            derived = before[field.name]
        if derived is not None:
            value[field.name] = derived
        elif not field.optional:
            raise Broken(f"{field.name} is missing")
    return value


def _run(limit: int, fields: tuple[Field, ...]) -> Kind:
    """Structs of which each is told by what differs from the one before."""

    def encode(values: list[Frame]) -> list[Any]:
        return [_pack(fields, value, values[at - 1] if at else None) for at, value in enumerate(values)]

    def decode(items: Any) -> list[Frame]:
        if not isinstance(items, list) or len(items) > limit:
            raise Broken("no such array")
        values: list[Frame] = []
        for item in items:
            values.append(_unpack(fields, item, values[-1] if values else None))
        return values

    return Kind(encode, decode)


def _struct(*fields: Field) -> Kind:
    return Kind(lambda value: _pack(fields, value), lambda items: _unpack(fields, items))


UINT = _checked(_is_uint)
BOOL = _checked(lambda value: isinstance(value, bool))
ID = Kind(_encode_id, _decode_id)
UUID = Kind(_encode_uuid, _decode_uuid)
NAME, SHORT, CURSOR, TEXT = _text(200), _short(128), _short(1024), _text(100_000)
DATA = _data(4096)
TYPE, ROLE = _word("direct", "group"), _word("member", "admin", "owner")
HISTORY = _word("joined", "all")
MENTIONS = _array(50, ID)
REQUEST_ID, CONVERSATION_ID = Field("requestId", UINT), Field("conversationId", ID)
CLIENT_MESSAGE_ID = Field("clientMessageId", UUID)
LIMIT, PAGE, NEXT = Field("limit", UINT), Field("page", CURSOR, True), Field("next", CURSOR, True)

ENTRY = (
    Field("messageId", UINT, in_run="step"), Field("senderId", ID, in_run="repeat"),
    Field("createdAt", UINT, in_run="step"), Field("ordinal", UINT, in_run="step"), Field("fingerprint", UINT), Field("text", TEXT, True), Field("kind", SHORT, True),
    Field("data", _data(147_456, 9), True), Field("replyTo", UINT, True), Field("clientMessageId", UUID, True),
    Field("redacted", BOOL, True), Field("mentions", MENTIONS, True),
)  # fmt: skip
LATEST = _struct(
    Field("messageId", UINT), Field("senderId", ID), Field("createdAt", UINT),
    Field("snippet", _text(160), True), Field("kind", SHORT, True), Field("redacted", BOOL, True),
)  # fmt: skip


def _head(row: Frame) -> int:
    return row["head"]


def _head_ordinal(row: Frame) -> int:
    return row["headOrdinal"]


UNREAD = _struct(Field("version", UINT), Field("from", UINT, True), Field("ordinal", UINT, True))
PRIVACY = _struct(Field("version", UINT), Field("typing", BOOL, True), Field("readReceipts", BOOL, True))
USER_PRIVACY = Field("privacy", _struct(Field("version", UINT), Field("typing", BOOL), Field("readReceipts", BOOL),
                                        Field("blocked", _array(1000, ID))))
CHOICE = _word("on", "off", "default")
MUTE = _struct(Field("version", UINT), Field("until", UINT, True), Field("mentionsMuted", BOOL, True))
RECEIPT = _struct(Field("userId", ID), Field("delivered", UINT), Field("read", UINT))
OWN_RECEIPT = _struct(
    CONVERSATION_ID, Field("delivered", UINT), Field("read", UINT), Field("readOrdinal", UINT),
    Field("unread", UNREAD, True), Field("mute", MUTE, True),
    Field("privacy", PRIVACY, True),
)  # fmt: skip
STEP = _struct(
    CONVERSATION_ID, Field("delivered", UINT, True), Field("read", UINT, True),
    Field("mark", _struct(Field("version", UINT), Field("from", UINT, True)), True),
)  # fmt: skip
REFUSED = _struct(CONVERSATION_ID, Field("code", SHORT))
REWRITTEN = _struct(Field("text", TEXT, True), Field("data", DATA, True), Field("mentions", MENTIONS, True))
ROW = _struct(
    CONVERSATION_ID, Field("type", TYPE), Field("version", UINT), Field("activity", UINT), Field("head", UINT),
    Field("headFingerprint", UINT), Field("headOrdinal", UINT), Field("firstId", UINT),
    Field("memberCount", UINT), Field("member", BOOL), Field("role", ROLE), Field("joinedAt", UINT),
    Field("visibleFrom", UINT), Field("createdAt", UINT), Field("delivered", UINT, derive=_head),
    Field("read", UINT, derive=_head), Field("readOrdinal", UINT, derive=_head_ordinal),
    Field("name", NAME, True), Field("data", DATA, True), Field("peerId", ID, True), Field("latest", LATEST, True),
    Field("historyVisibility", HISTORY, True), Field("lastRedaction", UINT, True), Field("unread", UNREAD, True),
    Field("receipts", _array(500, RECEIPT), True), Field("mute", MUTE, True), Field("privacy", PRIVACY, True),
)  # fmt: skip
PROFILE = _struct(
    Field("userId", ID), Field("version", UINT), Field("name", NAME, True),
    Field("avatarUrl", _short(2048), True), Field("data", DATA, True),
)  # fmt: skip
PRESENCE = _struct(
    Field("userId", ID), Field("status", _word("offline", "away", "online")), Field("lastActiveAt", UINT, True),
    Field("invisible", BOOL, True),
)  # fmt: skip
MEMBER = _struct(Field("userId", ID), Field("role", ROLE), Field("joinedAt", UINT))
HEAD = _struct(CONVERSATION_ID, Field("head", UINT))
KNOWN_USER = _struct(Field("userId", ID), Field("version", UINT, True))
PUSH_WAY = _struct(Field("name", _short(64)), Field("publicKey", _short(2048), True))
CAPABILITIES = Field("capabilities", _array(32, SHORT))
MEMBERS, ROWS = Field("members", _array(500, ID)), Field("rows", _array(200, ROW))
ENTRIES, PROFILES = Field("entries", _run(200, ENTRY)), Field("profiles", _array(80, PROFILE))
AFTER, THROUGH = Field("after", UINT), Field("through", UINT)


def _after(frame: Frame) -> int | None:
    return frame["entries"][0]["messageId"] - 1 if frame["entries"] and frame["entries"][0]["messageId"] else None


def _through(frame: Frame) -> int | None:
    return frame["entries"][-1]["messageId"] if frame["entries"] else None



FRAMES: Final[dict[int, tuple[str, tuple[Field, ...]]]] = {
    1: ("hello", (REQUEST_ID, Field("minor", UINT), CAPABILITIES, Field("token", _short(8192)),
                  Field("deviceId", UUID), Field("agent", SHORT), Field("userId", ID, True),
                  Field("leader", UINT, True))),
    2: ("ping", (REQUEST_ID,)),
    3: ("send-message", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, Field("text", TEXT, True),
                         Field("kind", SHORT, True), Field("data", DATA, True), Field("replyTo", UINT, True),
                         Field("first", BOOL, True), Field("mentions", MENTIONS, True))),
    4: ("get-range", (REQUEST_ID, CONVERSATION_ID, LIMIT, Field("after", UINT, True),
                      Field("before", UINT, True), Field("around", UINT, True),
                      Field("fingerprint", UINT, True))),
    5: ("list-conversations", (REQUEST_ID, LIMIT, PAGE)),
    6: ("list-changes", (REQUEST_ID, LIMIT, Field("cursor", CURSOR))),
    7: ("create-conversation", (REQUEST_ID, Field("conversationType", TYPE), CONVERSATION_ID,
                                CLIENT_MESSAGE_ID, MEMBERS, Field("name", NAME, True),
                                Field("data", DATA, True), Field("historyVisibility", HISTORY, True))),
    8: ("get-conversation", (REQUEST_ID, CONVERSATION_ID)),
    9: ("add-members", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, MEMBERS)),
    10: ("remove-members", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, MEMBERS)),
    11: ("list-members", (REQUEST_ID, CONVERSATION_ID, LIMIT, PAGE)),
    12: ("get-users", (REQUEST_ID, Field("users", _array(80, KNOWN_USER)))),
    13: ("set-profile", (REQUEST_ID, Field("name", NAME, True), Field("avatarUrl", _short(2048), True),
                         Field("data", DATA, True))),
    14: ("update-conversation", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, Field("name", NAME, True),
                                 Field("data", DATA, True), Field("historyVisibility", HISTORY, True))),
    15: ("set-role", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, MEMBERS, Field("role", ROLE))),
    20: ("redact-message", (REQUEST_ID, CONVERSATION_ID, CLIENT_MESSAGE_ID, Field("messageId", UINT))),
    21: ("send-receipts", (REQUEST_ID, Field("receipts", _array(200, STEP)))),
    22: ("count-receipts", (REQUEST_ID, CONVERSATION_ID, Field("messageId", UINT))),
    23: ("set-typing", (REQUEST_ID, CONVERSATION_ID, Field("typing", BOOL))),
    32: ("refresh-token", (REQUEST_ID, Field("token", _short(8192)))),
    40: ("watch-presence", (REQUEST_ID, Field("userIds", _array(200, ID)), Field("forget", _array(200, ID), True))),
    41: ("set-presence", (REQUEST_ID, Field("idle", UINT, True), Field("invisible", BOOL, True))),
    42: ("mute-conversation", (REQUEST_ID, CONVERSATION_ID, Field("until", UINT, True),
                               Field("mentionsMuted", BOOL, True))),
    43: ("set-privacy", (REQUEST_ID, Field("typing", BOOL, True), Field("readReceipts", BOOL, True),
                         Field("block", _array(1000, ID), True), Field("unblock", _array(1000, ID), True))),
    44: ("set-conversation-privacy", (REQUEST_ID, CONVERSATION_ID, Field("typing", CHOICE, True),
                                      Field("readReceipts", CHOICE, True))),
    50: ("get-push", (REQUEST_ID,)),
    51: ("set-push", (REQUEST_ID, Field("provider", _short(64), True), Field("target", DATA, True))),
    64: ("welcome", (REQUEST_ID, Field("minor", UINT), CAPABILITIES, Field("userId", ID),
                     Field("epoch", UUID), Field("heartbeatInterval", UINT), Field("serverTime", UINT),
                     Field("textCharacters", UINT), Field("receiptMembers", UINT),
                     Field("privacy", USER_PRIVACY.kind, True))),
    65: ("pong", (REQUEST_ID, Field("heads", _array(1000, HEAD)), Field("cursor", CURSOR, True))),
    66: ("error", (REQUEST_ID, Field("code", SHORT), Field("message", _text(500)), Field("retryable", BOOL),
                   Field("retryAfter", UINT, True))),
    67: ("message-stored", (REQUEST_ID, Field("messageId", UINT), Field("createdAt", UINT),
                            Field("ordinal", UINT), Field("fingerprint", UINT),
                            Field("rewritten", REWRITTEN, True), Field("redacted", BOOL, True))),
    68: ("range", (REQUEST_ID, AFTER, THROUGH, ENTRIES, Field("head", UINT), Field("firstId", UINT),
                   Field("lastRedaction", UINT, True))),
    69: ("conversations", (REQUEST_ID, ROWS, Field("cursor", CURSOR), NEXT)),
    70: ("changes", (REQUEST_ID, ROWS, Field("cursor", CURSOR), Field("more", BOOL))),
    71: ("conversation", (REQUEST_ID, Field("row", ROW))),
    72: ("members", (REQUEST_ID, Field("members", _array(500, MEMBER)), NEXT)),
    73: ("users", (REQUEST_ID, PROFILES)),
    74: ("receipts", (REQUEST_ID, Field("receipts", _array(200, OWN_RECEIPT)),
                      Field("refused", _array(200, REFUSED)))),
    75: ("receipt-counts", (REQUEST_ID, Field("members", UINT), Field("delivered", UINT), Field("read", UINT))),
    80: ("presences", (REQUEST_ID, Field("presences", _array(200, PRESENCE)))),
    81: ("privacy", (REQUEST_ID, USER_PRIVACY)),
    84: ("push", (REQUEST_ID, Field("providers", _array(16, PUSH_WAY)), Field("provider", _short(64), True))),
    88: ("token-refreshed", (REQUEST_ID,)),
    96: ("entries", (CONVERSATION_ID, ENTRIES, Field("after", UINT, derive=_after),
                     Field("through", UINT, derive=_through))),
    97: ("conversation-changed", (Field("row", ROW),)),
    98: ("user-changed", (Field("profile", PROFILE),)),
    99: ("going-away", (Field("reconnectDelay", UINT),)),
    100: ("receipts-changed", (CONVERSATION_ID, Field("receipts", _array(500, RECEIPT)))),
    101: ("own-receipt-changed", (Field("receipt", OWN_RECEIPT),)),
    102: ("typing-changed", (CONVERSATION_ID, Field("userId", ID), Field("typing", BOOL))),
    104: ("presence-changed", (Field("presence", PRESENCE),)),
    105: ("privacy-changed", (USER_PRIVACY,)),
    108: ("head-moved", (CONVERSATION_ID, Field("head", UINT), Field("spread", UINT))),
    112: ("token-expiring", (Field("expiresIn", UINT),)),
}  # fmt: skip
_CODES: Final = {name: code for code, (name, _) in FRAMES.items()}


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame; Broken (or ValueError) if a field breaks its rule."""
    code = _CODES[frame["type"]]
    return msgpack.encode([code, *_pack(FRAMES[code][1], frame)])


def decode_message(message: bytes, max_nodes: int = ANSWER_NODES) -> list[Frame]:
    """The frames of one WebSocket message; Malformed if it is to be refused as a whole.

    A frame of an unknown code has the type "unknown", one that breaks its table the type "invalid".
    """
    return [_decode_frame(value) for value in msgpack.decode_all(message, max_nodes)]


def _decode_frame(value: Any) -> Frame:
    if not isinstance(value, list) or not value or type(value[0]) is not int or value[0] < 0:
        raise msgpack.Malformed("malformed_frame", "a frame without a code")
    code, *items = value
    request_id = items[0] if items and code < FIRST_PUSH and _is_uint(items[0]) else 0
    if code not in FRAMES:
        return {"type": "unknown", "code": code, "requestId": request_id}
    name, fields = FRAMES[code]
    try:
        return {"type": name, **_unpack(fields, items)}
    except Broken:
        return {"type": "invalid", "code": code, "requestId": request_id, "error": "malformed_frame"}
