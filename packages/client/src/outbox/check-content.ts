import { assertData, assertText, ChatError, isSendableKind, type JsonObject } from "@chat/protocol";

/** What a message may hold. */
export interface Content {
  readonly text?: string;
  readonly kind?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
}

/**
 * Checks a message before it is kept, by the rules of the server.
 * @param textCharacters code points that the server accepts
 * @throws ChatError `text_empty`, `text_too_long`, `text_malformed`, `data_invalid`, `invalid_argument`
 */
export function checkContent({ text, kind, data, replyTo }: Content, textCharacters: number): void {
  if (text !== undefined || data === undefined) assertText(text ?? "", textCharacters);
  if (data !== undefined) assertData(data);
  if (kind !== undefined && !isSendableKind(kind)) {
    throw new ChatError("invalid_argument", "kind must be text or x-…, of at most 30 a–z, 0–9 and hyphens.");
  }
  if (replyTo !== undefined && !(Number.isSafeInteger(replyTo) && replyTo > 0)) {
    throw new ChatError("invalid_argument", "replyTo must be the messageId of a message.");
  }
}
