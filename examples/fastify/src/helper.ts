import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { type ChatServer, isChatError, type StoredEntry } from "@chat/server";
import type { Database } from "better-sqlite3";

/** The bot's user id. An account of this name can't be made. */
export const HELPER = "helper";

/** ms before it goes on after an error that passes. */
const PAUSE = 1_000;

const ANSWERS: Readonly<Record<string, (chat: ChatServer, entry: StoredEntry) => string | Promise<string>>> =
  {
    "/help": () => "I know /help, /who and /time.",
    "/who": async (chat, { conversationId }) => {
      const { items } = await chat.system.members(conversationId);
      return `Here are ${items.map(({ userId }) => userId).join(", ")}.`;
    },
    "/time": (_, { createdAt }) => `You asked at ${new Date(createdAt).toISOString()}.`,
  };

/** The bot. */
export interface Helper {
  /** Resolves when it has ended; rejects when it can't go on. */
  readonly done: Promise<void>;
  end(): Promise<void>;
}

/** The same for the same entry: an answer that is given again is stored once. */
function keyFor({ conversationId, messageId }: StoredEntry): string {
  const bytes = createHash("sha256").update(`helper ${messageId} ${conversationId}`).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Answers commands in the groups that it is a member of, and greets who is added to one. It follows the feed of everything that was stored,
 * and keeps how far it has come: after a crash it goes on there, may see an entry again, and says nothing twice.
 */
export function startHelper(chat: ChatServer, database: Database): Helper {
  database.exec(
    "CREATE TABLE IF NOT EXISTS helper (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL)",
  );
  const keep = database.prepare(
    "INSERT INTO helper VALUES (1, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor",
  );
  const kept = database.prepare("SELECT cursor FROM helper");
  const ending = new AbortController();
  const helper = chat.as(HELPER);

  async function say(entry: StoredEntry, text: string): Promise<void> {
    try {
      await helper.send(
        entry.conversationId,
        { text, replyTo: entry.messageId },
        { clientMessageId: keyFor(entry) },
      );
    } catch (error) {
      // It is no member there, or was none when it was said: nobody asked it.
      if (!isChatError(error) || error.retryable) throw error;
    }
  }

  async function deal(entry: StoredEntry): Promise<void> {
    if (entry.senderId === HELPER) return;
    if (entry.kind === "members-added") {
      const members = (entry.data?.["members"] ?? []) as readonly string[];
      const newcomers = members.filter((userId) => userId !== HELPER);
      if (newcomers.length > 0) await say(entry, `Welcome ${newcomers.join(", ")}! Try /help.`);
      return;
    }
    const answer = ANSWERS[entry.text?.trim() ?? ""];
    if (entry.kind === "text" && answer !== undefined) await say(entry, await answer(chat, entry));
  }

  async function follow(): Promise<void> {
    while (!ending.signal.aborted) {
      const after = (kept.get() as { cursor: string } | undefined)?.cursor;
      try {
        await helper.setProfile({ name: "Helper" });
        const entries = chat.changes({ signal: ending.signal, ...(after !== undefined && { after }) });
        for await (const { entry, cursor } of entries) {
          await deal(entry);
          keep.run(cursor);
        }
      } catch (error) {
        if (!isChatError(error) || !error.retryable) throw error;
        // The store is busy or full: it goes on where it was.
        await setTimeout(PAUSE, undefined, { signal: ending.signal }).catch(() => {});
      }
    }
  }

  const done = follow();
  return {
    done,
    end() {
      ending.abort();
      return done;
    },
  };
}
