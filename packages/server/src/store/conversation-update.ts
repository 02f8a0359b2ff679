import { ENTRY_KINDS, HISTORY_VISIBILITIES, type JsonObject } from "@chat/protocol";
import type { ConversationUpdate } from "./message-store.js";
import type { StoredEntry } from "./stored-entry.js";

/** What a stored entry says about its conversation; undefined for an entry of another kind than `updated`. */
export function updateOf({ kind, data }: Pick<StoredEntry, "kind" | "data">): ConversationUpdate | undefined {
  if (kind !== ENTRY_KINDS.updated) return undefined;
  const { name, data: custom, historyVisibility } = data ?? {};
  const visibility = HISTORY_VISIBILITIES.find((word) => word === historyVisibility);
  return {
    ...(typeof name === "string" && { name }),
    ...(typeof custom === "object" && custom !== null && { data: custom as JsonObject }),
    ...(visibility !== undefined && { historyVisibility: visibility }),
  };
}
