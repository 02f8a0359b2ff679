import type { ConversationRow } from "@chat/protocol";
import { defined } from "../runtime/defined.js";
import { curMax } from "./held-ranges.js";
import { mergeRow } from "./merge-receipts.js";
import { obeyingRow } from "./obey.js";
import { earlyEnd, type Replica, type Span } from "./replica.js";
import { supersede } from "./take-receipts.js";

/** The row with what an answer says of the log beyond its entries. */
export function seenIn(row: ConversationRow, { firstId = 1, lastRedaction = 0 }: Span): ConversationRow {
  if (firstId <= row.firstId && lastRedaction <= (row.lastRedaction ?? 0)) return row;
  return {
    ...row,
    firstId: Math.max(firstId, row.firstId),
    ...(lastRedaction > 0 && { lastRedaction: Math.max(lastRedaction, row.lastRedaction ?? 0) }),
  };
}

/** True if both rows say the same. */
function isSame(a: ConversationRow, b: ConversationRow): boolean {
  const keys = Object.keys({ ...a, ...b }) as (keyof ConversationRow)[];
  return keys.every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]));
}

/**
 * Takes a row of the server into a replica that exists.
 * @param force the row is known to be newer than what is held
 * @returns `overtaken`: another one is newer. `same`: it says nothing new. `partly`: only what is not of the log was taken. `taken`: all of it
 */
export function takeRow(
  replica: Replica,
  row: ConversationRow,
  force: boolean,
): "overtaken" | "same" | "partly" | "taken" {
  const { row: old, ranges, known } = replica;
  if (row.version < replica.rowVersion) return "overtaken";
  replica.ackedRead = row.read;
  // Where nothing is held that could be compared, a lower head alone tells of a history that was lost, and what was read in it.
  if (known && !force && row.joinedAt === old.joinedAt && (ranges.length > 0 || row.head >= old.head)) {
    supersede(replica, row);
    row = mergeRow(old, row, replica.rowVersion === 0, replica.mark !== undefined);
  } else replica.mark = undefined;
  replica.rowVersion = row.version;
  if (known && !force && ranges.length > 0) {
    const differs = row.head === old.head && row.headFingerprint !== old.headFingerprint;
    if (differs || row.head < curMax(ranges)) replica.trust = "suspect";
    // Overtaken on its way by entries, or by a backup that was restored: comparing will tell.
    if (row.head < old.head) {
      const { delivered, read, readOrdinal, unread, mute, privacy, receipts = old.receipts } = row;
      const told = { delivered, read, readOrdinal, unread, mute, privacy, receipts };
      replica.row = { ...old, ...defined(told) };
      return "partly";
    }
  }
  if (row.joinedAt > old.joinedAt && row.visibleFrom <= curMax(ranges)) {
    replica.reread = row.visibleFrom;
    replica.trust = "suspect";
  }
  replica.target = Math.max(row.head, force ? earlyEnd(replica) : replica.target);
  replica.known = true;
  replica.touched = 0;
  // An entry that was derived here already moved the version, and nothing else.
  if (known && isSame(row, { ...old, version: row.version })) {
    // Kept by a run that ended before what is held was compared with it: no cursor vouches for that.
    if (replica.trust === "unsure") replica.trust = "suspect";
    return "same";
  }
  replica.row = obeyingRow(replica, row);
  return "taken";
}
