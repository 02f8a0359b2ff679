import { describe, expect, it } from "vitest";
import type { HistoryEvent } from "./history.js";
import { type Breaches, countBreaches, HistoryJudge, type Verdict } from "./judge-history.js";

const NONE: Breaches = { lost: 0, doubled: 0, misordered: 0, outsideInterval: 0, altered: 0, late: 0 };

function judge(events: readonly HistoryEvent[]): Verdict {
  const judged = new HistoryJudge();
  for (const event of events) judged.add(event);
  return judged.verdict();
}

const invoke = (text: string, number: number): HistoryEvent => ({
  type: "invoke",
  device: "ann1",
  conversation: "room",
  text,
  number,
});
const ok = (text: string, id: number): HistoryEvent => ({ type: "ok", text, id, at: 1_000 + id });
const told = (device: string, id: number, text?: string): HistoryEvent => ({
  type: "told",
  device,
  conversation: "room",
  id,
  ...(text !== undefined && { text }),
});
const screen = (
  device: string,
  lines: readonly (readonly [number, string | null])[],
): readonly HistoryEvent[] => [
  { type: "screen", device, conversation: "room", lines },
  { type: "shown", device },
];

/** A room of ann and bob; bob leaves at 5 and comes back at 7. */
const LOG: HistoryEvent & { type: "log" } = {
  type: "log",
  conversation: "room",
  lines: [
    { id: 1, sender: "ann", add: ["ann"] },
    { id: 2, sender: "ann", add: ["bob"] },
    { id: 3, sender: "ann", text: "one" },
    { id: 4, sender: "ann", text: "two" },
    { id: 5, sender: "ann", remove: ["bob"] },
    { id: 6, sender: "ann", text: "three" },
    { id: 7, sender: "ann", add: ["bob"] },
  ],
};
const RUNS: readonly HistoryEvent[] = [
  { type: "run", device: "ann1", user: "ann" },
  { type: "run", device: "bob1", user: "bob" },
];
const SENDS: readonly HistoryEvent[] = [
  invoke("one", 1),
  invoke("two", 2),
  ok("one", 3),
  ok("two", 4),
  invoke("three", 3),
  ok("three", 6),
];
const ANNS = LOG.lines.map(({ id, text }) => [id, text ?? null] as const);
const BOBS = ANNS.filter(([id]) => id > 1 && id !== 5 && id !== 6);
const SCREENS = [...screen("ann1", ANNS), ...screen("bob1", BOBS)];

describe("a history without fault", () => {
  it("breaks nothing, and its figures are counted", () => {
    const verdict = judge([
      LOG,
      { type: "server", is: "killed", at: 1_001 },
      { type: "fault", name: "cut", at: 1_002 },
      { type: "took", what: "convergence", ms: 700 },
      ...RUNS,
      { type: "synced", device: "bob1", is: false, at: 2_000 },
      { type: "synced", device: "bob1", is: true, at: 2_300 },
      ...SENDS,
      invoke("four", 4),
      invoke("five", 5),
      { type: "fail", text: "five", code: "forbidden" },
      told("bob1", 3, "one"),
      told("bob1", 4, "two"),
      told("bob1", 7),
      ...SCREENS,
    ]);
    expect(verdict.breaches).toEqual(NONE);
    expect(verdict).toMatchObject({
      acknowledged: 3,
      unknown: 1,
      refused: 1,
      entries: 7,
      told: 3,
      screens: 2,
      kills: 1,
      faults: { cut: 1 },
      longestRecovery: 2,
      longestOutage: 300,
      longestConvergence: 700,
    });
  });
});

it("asks of a device nothing that its user has left", () => {
  const left: HistoryEvent = { ...LOG, lines: LOG.lines.slice(0, 6) };
  expect(judge([left, ...RUNS, { type: "shown", device: "bob1" }]).breaches.lost).toBe(0);
  expect(judge([LOG, ...RUNS, { type: "shown", device: "bob1" }]).breaches.lost).toBe(1);
});

describe("a planted fault is found", () => {
  const cases: readonly [string, keyof Breaches, readonly HistoryEvent[]][] = [
    [
      "an acknowledged message that is not in the log",
      "lost",
      [LOG, ...RUNS, ...SENDS, invoke("four", 4), ok("four", 8)],
    ],
    [
      "a message that a member's device does not show",
      "lost",
      [LOG, ...RUNS, ...SENDS, ...screen("ann1", ANNS.slice(0, -2).concat(ANNS.slice(-1)))],
    ],
    [
      "a conversation that a device does not know",
      "lost",
      [LOG, ...RUNS, ...SENDS, { type: "shown", device: "bob1" }],
    ],
    [
      "a message that is stored twice",
      "doubled",
      [{ ...LOG, lines: [...LOG.lines, { id: 8, sender: "ann", text: "one" }] }, ...RUNS, ...SENDS],
    ],
    [
      "sends of one device in another order",
      "misordered",
      [
        LOG,
        ...RUNS,
        invoke("two", 1),
        invoke("one", 2),
        invoke("three", 3),
        ok("one", 3),
        ok("two", 4),
        ok("three", 6),
      ],
    ],
    ["a log with a hole", "misordered", [{ ...LOG, lines: LOG.lines.filter(({ id }) => id !== 4) }, ...RUNS]],
    [
      "a message that is told after a later one",
      "misordered",
      [LOG, ...RUNS, told("bob1", 4, "two"), told("bob1", 3, "one")],
    ],
    [
      "a message that is told twice",
      "misordered",
      [LOG, ...RUNS, told("bob1", 3, "one"), told("bob1", 3, "one")],
    ],
    [
      "a screen in another order",
      "misordered",
      [LOG, ...RUNS, ...screen("ann1", [ANNS[1]!, ANNS[0]!, ...ANNS.slice(2)])],
    ],
    ["what a former member was told", "outsideInterval", [LOG, ...RUNS, told("bob1", 6, "three")]],
    ["what a former member is shown", "outsideInterval", [LOG, ...RUNS, ...screen("bob1", ANNS.slice(1))]],
    ["another text than the store has", "altered", [LOG, ...RUNS, told("bob1", 3, "uno")]],
    ["an acknowledgement with another id", "altered", [LOG, ...RUNS, invoke("one", 1), ok("one", 4)]],
    ["a slow repair", "late", [{ type: "took", what: "repair of a lost tail", ms: 10_001 }]],
  ];

  it.each(cases)("%s", (_, kind, events) => {
    const { breaches, examples } = judge(events);
    expect(breaches[kind]).toBeGreaterThan(0);
    expect(examples[0]).toContain(`${kind}: `);
  });
});

describe("a store that was put back", () => {
  const rewound: HistoryEvent = { type: "rewound", heads: { room: 3 }, lost: 4 };
  const log: HistoryEvent = {
    ...LOG,
    lines: [
      ...LOG.lines.slice(0, 3),
      { id: 4, sender: "ann", text: "three" },
      { id: 5, sender: "ann", text: "two" },
    ],
  };
  const before: readonly HistoryEvent[] = [
    log,
    rewound,
    ...RUNS,
    invoke("one", 1),
    invoke("two", 2),
    invoke("three", 3),
    ok("one", 3),
    ok("two", 4),
    told("bob1", 4, "two"),
  ];

  it("may give what it lost another id, and so a device is told again once it has noticed", () => {
    const diverged: HistoryEvent = { type: "diverged", device: "bob1", conversation: "room", above: 3 };
    const verdict = judge([
      ...before,
      diverged,
      told("bob1", 4, "three"),
      told("bob1", 5, "two"),
      ok("three", 4),
    ]);
    expect(verdict.breaches).toEqual(NONE);
    expect(verdict).toMatchObject({ lostByStore: 4, moved: 1 });
  });

  it("does not excuse what never came back", () => {
    const verdict = judge([{ ...log, lines: log.lines.slice(0, 4) }, ...before.slice(1)]);
    expect(verdict.breaches).toEqual({ ...NONE, lost: 1 });
    expect(countBreaches(verdict)).toBe(1);
  });

  it("does not excuse what lay below", () => {
    const verdict = judge([{ ...log, lines: log.lines.slice(0, 2) }, ...before.slice(1)]);
    expect(verdict.breaches.lost).toBe(2);
  });
});
