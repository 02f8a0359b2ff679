import { utf8Length } from "@chat/protocol";
import type { StoredEntry } from "./stored-entry.js";

/** Bytes of what somebody wrote: text as UTF-8, data as JSON. What a range's `maxBytes` counts. */
export function contentBytes({ text, data }: Pick<StoredEntry, "text" | "data">): number {
  return (
    (text === undefined ? 0 : utf8Length(text)) + (data === undefined ? 0 : utf8Length(JSON.stringify(data)))
  );
}
