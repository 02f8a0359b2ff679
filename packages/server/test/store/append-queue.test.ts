import { ChatError } from "@chat/protocol";
import { expect, it } from "vitest";
import { AppendQueue, type QueuedDraft } from "../../src/store/sql/append-queue.js";
import { entryOf } from "../../src/store/sql/draft-entry.js";
import { draft, result, runtime, upTo } from "./sqlite-drafts.js";

/** A transaction that waits for its test. */
interface Transaction {
  readonly drafts: readonly QueuedDraft[];
  readonly join: () => void;
  /** Stores all of its drafts. */
  commit(): void;
  fail(error: ChatError): void;
}

/** A queue, and its next transactions. */
function newQueue(): { readonly queue: AppendQueue; readonly next: () => Promise<Transaction> } {
  const begun: Transaction[] = [];
  let wake = (): void => {};
  const queue = new AppendQueue(
    () => runtime,
    (drafts, join) =>
      new Promise((resolve, reject) => {
        const commit = (): void => {
          for (const { draft: stored, call, index } of drafts) {
            const before = { head: 0, fingerprint: 0, ordinal: 0, lastRedaction: 0 };
            call.note(index, { status: "stored", entry: entryOf(stored, before) });
          }
          resolve();
        };
        begun.push({ drafts, join, commit, fail: reject });
        wake();
      }),
    () => false,
  );
  const next = async (): Promise<Transaction> => {
    while (begun.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return begun.shift()!;
  };
  return { queue, next };
}

it("takes what comes for a conversation along once that is locked, and nothing of others", async () => {
  const { queue, next } = newQueue();
  const first = queue.append([draft()]);
  const transaction = await next();
  const later = upTo(3).map(() => queue.append([draft()]));
  const elsewhere = queue.append([draft({ conversationId: "d" })]);
  transaction.join();
  expect(transaction.drafts.length).toBe(4);
  transaction.commit();
  for (const outcomes of await Promise.all([first, ...later]))
    expect(outcomes.map(result)).toEqual(["stored"]);
  (await next()).commit();
  expect((await elsewhere).map(result)).toEqual(["stored"]);
});

it("leaves alone what came behind a transaction that was given up, though that is answered after all", async () => {
  const { queue, next } = newQueue();
  const first = queue.append([draft()]);
  const givenUp = await next();
  givenUp.fail(new ChatError("store_unavailable", "The database did not answer."));
  expect((await first).map(result)).toEqual(["store_unavailable"]);
  const again = queue.append([draft()]);
  givenUp.join();
  (await next()).commit();
  expect((await again).map(result)).toEqual(["stored"]);
});

it("lets members who come share a commit as far as it is over soon, in their order", async () => {
  const { queue, next } = newQueue();
  const add = upTo(500).map((index) => ({ userId: `u${index}`, role: "member" as const }));
  const groups = upTo(7).map((index) => `g${index}`);
  const created = groups.map((conversationId) =>
    queue.append([draft({ conversationId, membership: { add, remove: [] } })]),
  );
  const shared: (string[] | undefined)[] = [];
  while (shared.flat().length < groups.length) {
    const transaction = await next();
    shared.push(transaction.drafts.map(({ draft: { conversationId } }) => conversationId));
    transaction.commit();
  }
  expect(shared).toEqual([groups.slice(0, 3), groups.slice(3, 6), groups.slice(6)]);
  for (const outcomes of await Promise.all(created)) expect(outcomes.map(result)).toEqual(["stored"]);
});
