import { ACTIONS, type Action, drawAction, LATER_ACTIONS } from "./actions.js";
import type { Focus } from "./focus.js";
import { judge } from "./judge.js";
import { judgePresence } from "./judge-presence.js";
import { DRAIN_BOUND, endFaults, loseTheTail, settle, hearOfRetention } from "./settle.js";
import { World } from "./world.js";

/** Which run. */
export interface SeedOptions {
  readonly seed: number;
  /** Things that happen before the faults end. */
  readonly steps: number;
  /** Kinds of actions that are left out. */
  readonly without?: readonly string[];
  readonly focus?: Focus | undefined;
  /** Lines of the trace that a failure comes with. */
  readonly lines?: number;
}

/** What came of it. */
export interface SeedResult {
  readonly seed: number;
  readonly hash: string;
  readonly virtualMs: number;
  readonly events: number;
  readonly entries: number;
  readonly acknowledged: number;
  /** ms from the end of the last fault until everybody had everything. */
  readonly drainMs: number;
  /** ms until a message that fan-out lost was everywhere. */
  readonly tailMs: number;
  readonly hits: Readonly<Record<string, number>>;
  readonly failure?: {
    readonly invariant: string;
    readonly detail: string;
    readonly trace: readonly string[];
  };
}

/** Kinds of actions that can be left out. */
export const GROUPS: readonly string[] = [
  ...new Set([...ACTIONS, ...LATER_ACTIONS].map(({ group }) => group)),
];

function schedule(world: World, steps: number, { more = {} }: Focus): number {
  const { chance, scheduler, trace, groups } = world;
  for (const server of world.servers) server.start();
  for (const device of world.devices) world.later(chance.float() * 500, () => device.start());
  const beginnings = ACTIONS.filter(({ name }) => name.startsWith("create"));
  const plan: { readonly at: number; readonly action: Action; readonly number: number }[] = [];
  let at = 1_500;
  for (let number = 0; number < steps; number++) {
    // Each step has chance of its own, so that leaving some out does not change the others.
    const own = chance.fork(`step ${number}`);
    at += own.happens(0.04) ? own.float() * 30_000 : own.float() * 400;
    plan.push({ at, action: number < 6 ? own.pick(beginnings) : drawAction(own, more), number });
  }
  for (const action of LATER_ACTIONS.filter(({ group }) => groups.has(group))) {
    const own = chance.fork(action.name);
    const times = Math.ceil((steps / 10) * action.weight * (more[action.name] ?? 1));
    for (let time = 0; time < times; time++) {
      plan.push({ at: 3_000 + own.float() * (at - 3_000), action, number: steps + plan.length });
    }
  }
  for (const step of plan) {
    scheduler.at(step.at, undefined, () => {
      if (!groups.has(step.action.group)) return;
      trace.note("world", `${step.number} ${step.action.name}`);
      trace.hit(`action ${step.action.name}`);
      step.action.run(world, chance.fork(`act ${step.number}`));
    });
  }
  return at;
}

/** Plays one seed from its first event to the last judgement. The same options give the same result, to the last bit. */
export async function runSeed({
  seed,
  steps,
  without = [],
  focus = {},
  lines = 200,
}: SeedOptions): Promise<SeedResult> {
  const world = new World(seed, new Set(without), lines, focus);
  const { trace, scheduler, oracle } = world;
  const isOver = (): boolean => trace.violation !== undefined;
  const onRejection = (error: unknown): void => {
    trace.fail(
      "nothing fails unheard",
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
  };
  process.on("unhandledRejection", onRejection);
  let [drainMs, tailMs] = [0, 0];
  try {
    await scheduler.runUntil(schedule(world, steps, focus), isOver);
    if (!isOver()) await endFaults(world);
    if (!isOver()) drainMs = await settle(world, DRAIN_BOUND, "everything drains in time");
    oracle.allNoticed();
    if (!isOver() && world.groups.has("retention")) await hearOfRetention(world);
    if (!isOver()) tailMs = await loseTheTail(world);
    if (!isOver()) await judge(world);
    if (!isOver()) await judgePresence(world);
  } catch (error) {
    onRejection(error);
  }
  process.off("unhandledRejection", onRejection);
  world.close();
  const { violation } = trace;
  return {
    seed,
    hash: trace.hash,
    virtualMs: scheduler.now,
    events: scheduler.count,
    entries: [...oracle.logs.values()].reduce((sum, { entries }) => sum + entries.length, 0),
    acknowledged: [...oracle.written.values()].filter(({ acknowledgedAs }) => acknowledgedAs !== undefined)
      .length,
    drainMs,
    tailMs,
    hits: Object.fromEntries(trace.hits),
    ...(violation !== undefined && {
      failure: {
        invariant: violation.invariant,
        detail: violation.message.slice(violation.invariant.length + 2),
        trace: trace.tail(lines),
      },
    }),
  };
}
