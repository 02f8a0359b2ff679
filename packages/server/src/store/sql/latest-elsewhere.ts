import type { ConversationRow } from "@chat/protocol";
import type { MessageLog } from "../message-log.js";
import { latestOf } from "./latest-message.js";
import { type RawRow, toRow } from "./raw-row.js";

/** Makes rows of raw ones; what former members, and who came back, saw last is looked up in a log that lies elsewhere, if there is one. */
export class LatestElsewhere {
  /** Set once, before the store is open. */
  log: Pick<MessageLog, "read"> | undefined;

  rows(raws: readonly RawRow[]): Promise<ConversationRow[]> {
    return Promise.all(raws.map((raw) => this.row(raw)));
  }

  async row(raw: RawRow): Promise<ConversationRow> {
    const row = toRow(raw);
    const { conversationId, leftLatestId, firstId } = raw;
    if (this.log === undefined || row.latest || leftLatestId === null || leftLatestId < firstId) return row;
    const place = { conversationId, after: leftLatestId - 1, before: leftLatestId + 1 };
    const [entry] = await this.log.read({ ...place, order: "ascending", limit: 1, maxBytes: 0 });
    return entry === undefined ? row : { ...row, latest: latestOf(entry) };
  }
}
