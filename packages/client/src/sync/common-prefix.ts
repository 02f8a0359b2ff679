import type { Entry } from "@chat/protocol";
import type { CacheReadQuery } from "../cache/cache.js";

/** How to look at what is held, and at what the server has. */
export interface PrefixSearch {
  /** Entries that are held. */
  read(query: CacheReadQuery): Promise<readonly Entry[]>;
  /** True if the server's entry there has the same fingerprint; then all entries below are common too. */
  isCommon(entry: Entry): Promise<boolean>;
}

/** The highest id up to which the held log and the server's are the same; found by halving. @param held the highest id that is held */
export async function commonPrefix(held: number, { read, isCommon }: PrefixSearch): Promise<number> {
  let common = 0;
  let other = held + 1;
  for (;;) {
    const middle = Math.floor((common + other) / 2);
    const [entry] = [
      ...(await read({ after: common, before: middle + 1, limit: 1, order: "descending" })),
      ...(await read({ after: middle, before: other, limit: 1, order: "ascending" })),
    ];
    if (entry === undefined) return common;
    if (await isCommon(entry)) common = entry.messageId;
    else other = entry.messageId;
  }
}
