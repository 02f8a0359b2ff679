import { sameJson } from "../store/same-json.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { RewrittenMessage } from "./hooks.js";

/**
 * What an acknowledgement has to say besides where the message stands: text, data and mentions as they are stored, where they are not
 * what was sent now (the application rewrote them, or they were sent under this key before).
 */
export function rewrittenIn(
  { text, data, mentions }: Pick<StoredEntry, "text" | "data" | "mentions">,
  sent: RewrittenMessage,
): RewrittenMessage | undefined {
  const isSame =
    text === sent.text &&
    (data === sent.data || sameJson(data, sent.data)) &&
    (mentions === sent.mentions || sameJson(mentions, sent.mentions));
  if (isSame) return undefined;
  return {
    ...(text !== undefined && { text }),
    ...(data !== undefined && { data }),
    ...(mentions !== undefined && { mentions }),
  };
}
