import {
  assertId,
  ChatError,
  CONVERSATION_TYPES,
  type ConversationType,
  type HistoryVisibility,
  type JsonObject,
} from "@chat/protocol";
import { assertUserIds } from "./assert-user-ids.js";

/** A conversation that messages are imported into. One that is there already stays as it is. */
export interface ImportedConversation {
  readonly type: "conversation";
  readonly conversationId: string;
  readonly conversationType: ConversationType;
  /** Who is in it when the import is over, as many as a group may have; the first owns a group. */
  readonly members: readonly string[];
  /** Those of the members that are admins, 500 at most. */
  readonly admins?: readonly string[];
  readonly name?: string;
  readonly data?: JsonObject;
  readonly historyVisibility?: HistoryVisibility;
  /** Wall-clock ms since 1970; the time of the import if absent. */
  readonly createdAt?: number;
}

/** A message from elsewhere. It gets the next messageId: the order of the rows is the order of the conversation. */
export interface ImportedMessage {
  readonly type: "message";
  readonly conversationId: string;
  /** What the message is called where it comes from; stored once per (conversation, sender, externalId), for ever. */
  readonly externalId: string;
  /** Who wrote it; need not be a member any more. */
  readonly senderId: string;
  /** Wall-clock ms since 1970. Shown; decides nothing. */
  readonly createdAt: number;
  readonly text?: string;
  /** `text`, or an application's own `x-…`. */
  readonly kind?: string;
  readonly data?: JsonObject;
  /** The imported message that this one answers; its row comes before. */
  readonly replyTo?: { readonly externalId: string; readonly senderId: string };
  /** Users whom it mentions, up to 50; they need not be members any more. */
  readonly mentions?: readonly string[];
}

/** One row of an import. */
export type ImportRow = ImportedConversation | ImportedMessage;

/** Years 1970 to 275760: what a Date can show. */
const LATEST_TIME = 8.64e15;

function invalid(sentence: string): ChatError {
  return new ChatError("invalid_argument", sentence);
}

function assertTime(value: unknown): void {
  if (!(Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LATEST_TIME)) {
    throw invalid("createdAt must be whole milliseconds since 1970.");
  }
}

function assertString(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "string") throw invalid(`${name} must be a string.`);
}

function assertConversation(row: Readonly<Record<string, unknown>>): void {
  if (!CONVERSATION_TYPES.some((type) => type === row["conversationType"])) {
    throw invalid(`conversationType must be ${CONVERSATION_TYPES.join(" or ")}.`);
  }
  assertUserIds(row["members"], "members");
  if (row["admins"] !== undefined) assertUserIds(row["admins"], "admins");
  assertString(row["name"], "name");
  if (row["createdAt"] !== undefined) assertTime(row["createdAt"]);
}

function assertMessage(row: Readonly<Record<string, unknown>>): void {
  assertId(row["externalId"], "externalId");
  assertId(row["senderId"], "senderId");
  assertTime(row["createdAt"]);
  assertString(row["text"], "text");
  assertString(row["kind"], "kind");
  const replyTo = row["replyTo"];
  if (replyTo === undefined) return;
  if (typeof replyTo !== "object" || replyTo === null) {
    throw invalid("replyTo must name the externalId and the senderId of a message.");
  }
  const { externalId, senderId } = replyTo as Record<string, unknown>;
  assertId(externalId, "replyTo.externalId");
  assertId(senderId, "replyTo.senderId");
}

/**
 * What a row says, as far as its fields go; what the operations check (text, data, mentions, members, roles) they check themselves.
 * @param given a row, or a line of JSON with one
 * @throws ChatError `invalid_argument`
 */
export function parseImportRow(given: unknown): ImportRow {
  let row = given;
  if (typeof given === "string") {
    try {
      row = JSON.parse(given);
    } catch {
      throw invalid("The line is no JSON.");
    }
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw invalid("A row must be an object with a type.");
  }
  const fields = row as Readonly<Record<string, unknown>>;
  const { type } = fields;
  if (type !== "conversation" && type !== "message") throw invalid("type must be conversation or message.");
  assertId(fields["conversationId"], "conversationId");
  if (type === "conversation") assertConversation(fields);
  else assertMessage(fields);
  return row as ImportRow;
}
