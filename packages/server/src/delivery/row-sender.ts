import type { Runtime, ServerCodec } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { ConversationStore } from "../store/conversation-store.js";
import type { MessageStore } from "../store/message-store.js";
import { PacedRows } from "./paced-rows.js";
import type { LocalRecipients } from "./recipient.js";

/** A user to whom rows are sent. */
export interface RowReceiver extends LocalRecipients {
  readonly userId: string;
  /** Rows that are being read for the user. */
  rowsUnderWay: number;
}

/** Where rows are read. */
export interface RowStores {
  readonly conversations: Pick<ConversationStore, "rows">;
  readonly messages: Pick<MessageStore, "heads">;
}

interface DueRow {
  readonly user: RowReceiver;
  /** Whether the user is a member by the log; undefined where it was not asked. */
  readonly isMember: boolean | undefined;
}

/** Sends users their own row of a conversation. Those of one conversation that are due in one turn are read together. */
export class RowSender {
  readonly #runtime: Pick<Runtime, "log">;
  readonly #stores: RowStores;
  readonly #encode: ServerCodec["encode"];
  readonly #due = new Map<string, DueRow[]>();
  readonly #paced: PacedRows;

  constructor(runtime: Pick<Runtime, "clock" | "log">, stores: RowStores, encode: ServerCodec["encode"]) {
    this.#runtime = runtime;
    this.#stores = stores;
    this.#encode = encode;
    this.#paced = new PacedRows(runtime, async (users, conversationId) =>
      this.#tell(users, await this.#rowsOf(users, conversationId)),
    );
  }

  /** @param isMember whether the user is one by an entry that was just delivered */
  send(user: RowReceiver, conversationId: string, isMember?: boolean): void {
    user.rowsUnderWay++;
    const due = this.#due.get(conversationId);
    if (due !== undefined) {
      due.push({ user, isMember });
      return;
    }
    this.#due.set(conversationId, [{ user, isMember }]);
    queueMicrotask(() => {
      const all = this.#due.get(conversationId) ?? [];
      this.#due.delete(conversationId);
      for (let at = 0; at < all.length; at += LIMITS.membersPerRequest) {
        void this.#read(all.slice(at, at + LIMITS.membersPerRequest), conversationId);
      }
    });
  }

  /** As {@link send}, where nobody waits for it: see {@link PacedRows}. */
  sendPaced(users: Iterable<RowReceiver>, conversationId: string): void {
    this.#paced.send(users, conversationId);
  }

  /** Sends nothing any more that is not on its way. */
  close(): void {
    this.#paced.close();
  }

  async #read(due: readonly DueRow[], conversationId: string): Promise<void> {
    const users = due.map(({ user }) => user);
    try {
      let rows = await this.#rowsOf(users, conversationId);
      const isBehind = ({ user, isMember }: DueRow): boolean =>
        isMember !== undefined && (rows.get(user.userId)?.member ?? false) !== isMember;
      if (due.some(isBehind)) {
        // The log may lie in another store, and the row not have been moved on: whoever asks for the head has that done. The change feed
        // will not tell of it, as everybody concerned is known here.
        await this.#stores.messages.heads([conversationId]);
        rows = await this.#rowsOf(users, conversationId);
      }
      this.#tell(users, rows);
    } catch (error) {
      this.#runtime.log("warn", "row_read_failed", { conversationId, error: String(error) });
      // Nothing else would tell the devices of it: they ask for what changed when they are back.
      for (const { recipients } of users) for (const recipient of recipients) recipient.resync();
    } finally {
      for (const user of users) user.rowsUnderWay--;
    }
  }

  /** @throws ChatError `store_unavailable` */
  #rowsOf(users: readonly RowReceiver[], conversationId: string): ReturnType<ConversationStore["rows"]> {
    return this.#stores.conversations.rows(
      conversationId,
      users.map(({ userId }) => userId),
    );
  }

  #tell(users: readonly RowReceiver[], rows: Awaited<ReturnType<ConversationStore["rows"]>>): void {
    for (const { userId, recipients } of users) {
      const row = rows.get(userId);
      if (row === undefined) continue;
      const frame = this.#encode({ type: "conversation-changed", row });
      for (const recipient of recipients) recipient.deliver(frame);
    }
  }
}
