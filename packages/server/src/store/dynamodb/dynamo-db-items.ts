import type { Head, IdempotencyKey } from "../message-store.js";
import { decodeBody, encodeBody } from "../entry-body.js";
import type { StoredEntry } from "../stored-entry.js";
import type { AttributeValue, FoundItem, Item } from "./dynamo-db-client.js";

/*
 * Table of messages: partition `c` (conversation), sort `i` (messageId). `b` is the body. The item with `i` 0 is the head of the
 * conversation: `h` head, `f` fingerprint, `o` ordinal, `m` membership version, `r` last redaction, `p` the first id that is held.
 * Table of keys: partition `k`; `i` is the messageId, `t` when the entry was made.
 */

export function text(value: string): AttributeValue {
  return { S: value };
}

export function number(value: number): AttributeValue {
  return { N: String(value) };
}

export function numberIn(item: FoundItem, name: string): number {
  return Number((item[name] as { readonly N?: string } | undefined)?.N ?? 0);
}

export function textIn(item: FoundItem, name: string): string {
  return (item[name] as { readonly S: string }).S;
}

/** The key of an entry; 0 is the head. */
export function placeOf(conversationId: string, messageId: number): Item {
  return { c: text(conversationId), i: number(messageId) };
}

export function entryItem(entry: StoredEntry): Item & { readonly b: { readonly B: Uint8Array } } {
  return { ...placeOf(entry.conversationId, entry.messageId), b: { B: encodeBody(entry) } };
}

export function entryIn(conversationId: string, item: FoundItem): StoredEntry {
  const { B } = item["b"] as { readonly B: Uint8Array };
  return decodeBody(conversationId, numberIn(item, "i"), B);
}

/** No id holds a control character, so two keys never make the same text. */
export function keyText({ conversationId, senderId, deviceId, clientMessageId }: IdempotencyKey): string {
  return [conversationId, senderId, deviceId, clientMessageId].join("\n");
}

export function keyItem(entry: StoredEntry): Item {
  return { k: text(keyText(entry)), i: number(entry.messageId), t: number(entry.createdAt) };
}

export const EMPTY_HEAD: Head = {
  head: 0,
  fingerprint: 0,
  ordinal: 0,
  membershipVersion: 0,
  firstId: 1,
  lastRedaction: 0,
};

export function headIn(item: FoundItem): Head {
  return {
    head: numberIn(item, "h"),
    fingerprint: numberIn(item, "f"),
    ordinal: numberIn(item, "o"),
    membershipVersion: numberIn(item, "m"),
    firstId: numberIn(item, "p") || 1,
    lastRedaction: numberIn(item, "r"),
  };
}

/** What moves a head on, if it is where it was thought to be. Where the log begins is not for it to say. */
export function headUpdate(before: Head, after: Head) {
  const values = {
    ":h": number(after.head),
    ":f": number(after.fingerprint),
    ":o": number(after.ordinal),
    ":m": number(after.membershipVersion),
    ":r": number(after.lastRedaction),
  };
  const isNew = before.head === 0;
  return {
    UpdateExpression: "SET h = :h, f = :f, o = :o, m = :m, r = :r",
    ConditionExpression: isNew ? "attribute_not_exists(c)" : "h = :was AND f = :print",
    ExpressionAttributeValues: isNew
      ? values
      : { ...values, ":was": number(before.head), ":print": number(before.fingerprint) },
    ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
  };
}
