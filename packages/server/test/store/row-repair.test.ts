import { expect, it } from "vitest";
import type { FollowingStore, Head, MessageLog } from "../../src/index.js";
import { RowRepair } from "../../src/store/combined/row-repair.js";
import { VirtualClock } from "../virtual-clock.js";

const HEAD: Head = {
  head: 1,
  firstId: 1,
  fingerprint: 1,
  ordinal: 0,
  membershipVersion: 1,
  lastRedaction: 0,
};

/** A log whose heads are answered when the test says so, beside a row that has seen all of it. */
function open() {
  const clock = new VirtualClock();
  const answers: ((fails: boolean) => void)[] = [];
  const log: Pick<MessageLog, "head"> = {
    head: () =>
      new Promise((resolve, reject) => {
        answers.push((fails) => (fails ? reject(new Error("away")) : resolve(HEAD)));
      }),
  };
  const rows = { messages: { heads: async () => new Map([["c", HEAD]]) } };
  const repair = new RowRepair(log as MessageLog, rows as unknown as FollowingStore, () => clock.runtime);
  return { clock, repair, answers };
}

it("looks once for the many who ask meanwhile, after they have asked", async () => {
  const { clock, repair, answers } = open();
  let done = 0;
  const ask = async (): Promise<void> => {
    await repair.bringUp("c");
    done++;
  };
  const asked = [ask(), ask(), ask()];
  expect(answers).toHaveLength(1);
  answers[0]!(false);
  await clock.settle();
  expect([done, answers.length]).toEqual([1, 2]);
  // What the second look reads may be older than this.
  asked.push(ask());
  answers[1]!(false);
  await clock.settle();
  expect([done, answers.length]).toEqual([3, 3]);
  answers[2]!(false);
  await Promise.all(asked);
  const last = repair.bringUp("c");
  expect(answers).toHaveLength(4);
  answers[3]!(false);
  await last;
});

it("looks again after a look that failed", async () => {
  const { clock, repair, answers } = open();
  const [first, second] = [repair.bringUp("c"), repair.bringUp("c")];
  answers[0]!(true);
  await expect(first).rejects.toThrow("away");
  await clock.settle();
  answers[1]!(false);
  expect(await second).toBe(0);
});

it("waits a second for a look that gets no answer, and begins another", async () => {
  const { clock, repair, answers } = open();
  void repair.bringUp("c");
  const asked = [repair.bringUp("c"), repair.bringUp("c")];
  clock.advance(999);
  await clock.settle();
  expect(answers).toHaveLength(1);
  clock.advance(1);
  await clock.settle();
  expect(answers).toHaveLength(2);
  answers[1]!(false);
  expect(await Promise.all(asked)).toEqual([0, 0]);
});
