import type { ErrorCode } from "@chat/client";

/** What people are told, by code: the message of an error is written for developers, and not in the build for production. */
const SENTENCES: Readonly<Partial<Record<string, string>>> = {
  unsupported: "This browser, or the server, can't do that.",
  frame_too_large: "That is too much at once.",
  text_empty: "Write something first.",
  text_too_long: "That is too long: a message may have 4096 characters.",
  text_malformed: "There is half a character in it; write it again.",
  data_invalid: "This can't be sent.",
  mention_unknown: "Somebody whom you mention is not in this conversation any more.",
  not_found: "It is not there, or not for you.",
  blocked: "They take no messages of yours.",
  unblock_first: "You have blocked them: unblock them first.",
  limit_exceeded: "That is more than is allowed.",
  rate_limited: "That was a lot in a short time; try again in a while.",
  timeout: "The server gave no answer in time; try again.",
  disconnected: "The connection is gone; it is being made anew.",
  storage_failed: "This browser's storage refused.",
} satisfies Partial<Record<ErrorCode, string>>;

/** What to tell somebody whose wish was not fulfilled. What a failed message carries is no Error, and has a code as well. */
export function sentenceOf(error: unknown): string {
  const { code = "", message } = Object(error) as { readonly code?: string; readonly message?: string };
  return SENTENCES[code] ?? message ?? String(error);
}

/** What to tell somebody who is offline and wants what the server has to do. */
export const NEEDS_SERVER = "You are offline. This needs the server: try again when you are online.";
