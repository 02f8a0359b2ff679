import type { Runtime, ServerCodec } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { ConversationStore } from "../store/conversation-store.js";
import type { LocalRecipients } from "./recipient.js";

/** A user to whom rows are sent. */
export interface RowReceiver extends LocalRecipients {
  readonly userId: string;
  /** Rows that are being read for the user. */
  rowsUnderWay: number;
}

/** Sends users their own row of a conversation. Those of one conversation that are due in one turn are read together. */
export class RowSender {
  readonly #runtime: Pick<Runtime, "log">;
  readonly #conversations: ConversationStore;
  readonly #encode: ServerCodec["encode"];
  readonly #due = new Map<string, RowReceiver[]>();

  constructor(
    runtime: Pick<Runtime, "log">,
    conversations: ConversationStore,
    encode: ServerCodec["encode"],
  ) {
    this.#runtime = runtime;
    this.#conversations = conversations;
    this.#encode = encode;
  }

  send(user: RowReceiver, conversationId: string): void {
    user.rowsUnderWay++;
    const due = this.#due.get(conversationId);
    if (due !== undefined) {
      due.push(user);
      return;
    }
    this.#due.set(conversationId, [user]);
    queueMicrotask(() => {
      const users = this.#due.get(conversationId) ?? [];
      this.#due.delete(conversationId);
      for (let at = 0; at < users.length; at += LIMITS.membersPerRequest) {
        void this.#read(users.slice(at, at + LIMITS.membersPerRequest), conversationId);
      }
    });
  }

  async #read(users: readonly RowReceiver[], conversationId: string): Promise<void> {
    try {
      const rows = await this.#conversations.rows(
        conversationId,
        users.map(({ userId }) => userId),
      );
      for (const { userId, recipients } of users) {
        const row = rows.get(userId);
        if (row === undefined) continue;
        const frame = this.#encode({ type: "conversation-changed", row });
        for (const recipient of recipients) recipient.deliver(frame);
      }
    } catch (error) {
      this.#runtime.log("warn", "row_read_failed", { conversationId, error: String(error) });
      // Nothing else would tell the devices of it: they ask for what changed when they are back.
      for (const { recipients } of users) for (const recipient of recipients) recipient.resync();
    } finally {
      for (const user of users) user.rowsUnderWay--;
    }
  }
}
