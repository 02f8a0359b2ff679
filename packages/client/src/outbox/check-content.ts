import {
  assertData,
  assertMentions,
  assertText,
  ChatError,
  isSendableKind,
  type JsonObject,
} from "@chat/protocol";

/** What a message may hold. */
export interface Content {
  readonly text?: string | undefined;
  readonly kind?: string | undefined;
  readonly data?: JsonObject | undefined;
  readonly replyTo?: number | undefined;
  readonly mentions?: readonly string[] | undefined;
}

/** @throws ChatError `invalid_argument` for what is the id of no message, that of a pending one for instance */
export function assertMessageId(id: number, name: string): void {
  if (!Number.isSafeInteger(id) || id < 1) {
    throw new ChatError("invalid_argument", `${name} must be the messageId of a message.`);
  }
}

/**
 * Checks a message before it is kept, by the rules of the server.
 * @param textCharacters code points that the server accepts
 * @throws ChatError `text_empty`, `text_too_long`, `text_malformed`, `data_invalid`, `invalid_argument`, `limit_exceeded`
 */
export function checkContent(content: Content, textCharacters: number): void {
  const { text, kind, data, replyTo, mentions } = content;
  if (text !== undefined || data === undefined) assertText(text ?? "", textCharacters);
  if (data !== undefined) assertData(data);
  if (kind !== undefined && !isSendableKind(kind)) {
    throw new ChatError("invalid_argument", "kind must be text or x-…, of at most 30 a–z, 0–9 and hyphens.");
  }
  if (replyTo !== undefined) assertMessageId(replyTo, "replyTo");
  if (mentions !== undefined) assertMentions(mentions);
}
