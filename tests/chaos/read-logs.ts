import type { ChatStore } from "@chat/server";
import type { HistoryEvent, LogLine } from "./history.js";

const PAGE = 1_000;

/** Reads whole logs from a store, by its contract. */
export async function* readLogs(
  store: ChatStore,
  conversationIds: readonly string[],
): AsyncGenerator<HistoryEvent & { type: "log" }> {
  for (const conversation of conversationIds) {
    const lines: LogLine[] = [];
    for (;;) {
      const page = await store.messages.read({
        conversationId: conversation,
        after: lines.length,
        before: Number.MAX_SAFE_INTEGER,
        order: "ascending",
        limit: PAGE,
        maxBytes: Infinity,
      });
      if (page.length === 0) break;
      for (const { messageId, senderId, kind, text, data } of page) {
        const members = (data?.["members"] ?? []) as readonly string[];
        lines.push({
          id: messageId,
          sender: senderId,
          ...(text !== undefined && { text }),
          ...((kind === "created" || kind === "members-added") && { add: members }),
          ...(kind === "members-removed" && { remove: members }),
        });
      }
    }
    yield { type: "log", conversation, lines };
  }
}
