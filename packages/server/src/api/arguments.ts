import { ChatError, ROLES } from "@chat/protocol";
import { assertUserIds } from "../operations/assert-user-ids.js";
import { type ConversationPrivacyChange, PRIVACY_CHOICES } from "../operations/set-privacy.js";
import type { PrivacyChange } from "../store/conversation-store.js";
import type { MessageContent, PageQuery } from "./chat-actor.js";

// What a frame or a request over HTTP brings was checked by its schema. What an application's own code passes was not, where
// no type checker has seen it; and what is stored of it has to be encoded for every device.

function assertThat(holds: boolean, sentence: string): void {
  if (!holds) throw new ChatError("invalid_argument", sentence);
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** @throws ChatError `invalid_argument` unless each is absent or a whole number from 0 on */
export function assertWhole(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    assertThat(value === undefined || isWhole(value), `${name} must be a whole number from 0 to 2^53 − 1.`);
}

/** @throws ChatError `invalid_argument` unless each is absent or of the type */
export function assertType(type: "string" | "boolean", values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    assertThat(
      value === undefined || typeof value === type,
      `${name} must be ${type === "string" ? "a string" : "true or false"}.`,
    );
}

/** More than the most is taken for that. @throws ChatError `invalid_argument` */
export function assertPage({ limit, page }: PageQuery & { readonly limit: number }): void {
  assertThat(isWhole(limit) || limit === Infinity, "limit must be a whole number.");
  assertType("string", { page });
}

/** @throws ChatError `invalid_argument` */
export function assertRole(role: unknown): void {
  assertThat((ROLES as readonly unknown[]).includes(role), `role must be one of ${ROLES.join(", ")}.`);
}

/** A message, of which a string is the text. @throws ChatError `invalid_argument` */
export function contentOf(content: string | MessageContent): MessageContent {
  if (typeof content === "string") return { text: content };
  assertThat(typeof content === "object" && content !== null, "A message is a string or an object.");
  const { text, kind, replyTo } = content;
  assertType("string", { text, kind });
  assertWhole({ replyTo });
  return content;
}

/** @throws ChatError `invalid_argument` */
export function assertPrivacy({ typing, readReceipts, block, unblock }: PrivacyChange): void {
  assertType("boolean", { typing, readReceipts });
  if (block !== undefined) assertUserIds(block, "block");
  if (unblock !== undefined) assertUserIds(unblock, "unblock");
}

/** @throws ChatError `invalid_argument` */
export function assertConversationPrivacy({ typing, readReceipts }: ConversationPrivacyChange): void {
  for (const [name, choice] of Object.entries({ typing, readReceipts }))
    assertThat(
      choice === undefined || PRIVACY_CHOICES.includes(choice),
      `${name} must be one of ${PRIVACY_CHOICES.join(", ")}.`,
    );
}
