import { utf8Length } from "@chat/protocol";
import type { StoredEntry } from "./stored-entry.js";

/** Bytes of what somebody wrote: text as UTF-8, data and mentions as JSON. What a range's `maxBytes` counts. */
export function contentBytes({
  text,
  data,
  mentions,
}: Pick<StoredEntry, "text" | "data" | "mentions">): number {
  return (
    (text === undefined ? 0 : utf8Length(text)) +
    (data === undefined ? 0 : utf8Length(JSON.stringify(data))) +
    (mentions === undefined ? 0 : utf8Length(JSON.stringify(mentions)))
  );
}
