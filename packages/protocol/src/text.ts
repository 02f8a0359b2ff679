import { ChatError } from "./chat-error.js";

// With the u flag a surrogate pair is one character, so this finds only lone ones.
const LONE_SURROGATE = /\p{Cs}/u;

/** True if the text can be carried as UTF-8 (no lone surrogates). */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** True if the text has at most `max` Unicode code points. Looks at no more of it than needed. */
export function fitsCharacters(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > max * 2) return false;
  let count = 0;
  for (const _ of text) if (++count > max) return false;
  return true;
}

/** The first `max` code points of a text. */
export function firstCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = 0;
  for (let count = 0; count < max && end < text.length; count++) {
    end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/**
 * Checks a message's text.
 * @param max code points
 * @throws ChatError `text_empty`, `text_too_long`, `text_malformed`
 */
export function assertText(text: string, max: number): void {
  if (text.length === 0) throw new ChatError("text_empty", "A message needs text or data.");
  if (!fitsCharacters(text, max)) {
    throw new ChatError("text_too_long", `A message may have ${max} characters; split it or shorten it.`);
  }
  if (!isWellFormed(text)) {
    throw new ChatError("text_malformed", "The text was cut inside a character.");
  }
}
