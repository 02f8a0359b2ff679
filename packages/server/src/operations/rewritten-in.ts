import { sameJson } from "../store/same-json.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { RewrittenMessage } from "./hooks.js";

/**
 * What an acknowledgement has to say besides where the message stands: text and data as they are stored, where they are not
 * what was sent now (the application rewrote them, or they were sent under this key before).
 */
export function rewrittenIn(
  { text, data }: Pick<StoredEntry, "text" | "data">,
  sent: RewrittenMessage,
): RewrittenMessage | undefined {
  if (text === sent.text && (data === sent.data || sameJson(data, sent.data))) return undefined;
  return { ...(text !== undefined && { text }), ...(data !== undefined && { data }) };
}
