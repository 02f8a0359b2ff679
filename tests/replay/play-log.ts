import type { Device } from "./device.js";
import type { DeviceFleet } from "./device-fleet.js";
import { initialBatches } from "./expectation.js";
import type { LogScript, Step } from "./log-script.js";
import type { SeededRandom } from "./seeded-random.js";

/** What a log is played with. */
export interface PlayOptions {
  readonly script: LogScript;
  readonly fleet: DeviceFleet;
  readonly random: SeededRandom;
  /** Called for each step while it is under way. */
  readonly onStep: () => void;
}

/** Chance per step that a device which wanders goes offline, or comes back. */
const WANDERING = 0.3;

type SayStep = Extract<Step, { type: "say" }>;

/** Cuts the steps where the log has to be waited for: only what one account says in a row may be on its way together. */
function* turnsOf(
  steps: readonly Step[],
): Generator<{ readonly at: number; readonly steps: readonly Step[] }> {
  let at = 0;
  while (at < steps.length) {
    const first = steps[at]!;
    let end = at + 1;
    if (first.type === "say") {
      while (steps[end]?.type === "say" && steps[end]!.account === first.account) end++;
    }
    yield { at, steps: steps.slice(at, end) };
    at = end;
  }
}

/**
 * Plays a log through its devices. Different people are on different machines, where nothing but the server's answer
 * tells who was first; so each turn waits until the one before is stored, and the log's order is the order of the entries.
 */
export async function playLog(options: PlayOptions): Promise<void> {
  const { script, fleet, random } = options;
  const { owner } = fleet;
  for (const batch of initialBatches(script)) await owner.admit(script.name, batch);
  fleet.enter(script.initial);
  for (const { at, steps } of turnsOf(script.steps)) {
    const done = playTurn(fleet, steps);
    for (const _ of steps) options.onStep();
    await done;
    fleet.passed(at + steps.length - 1);
    if (random.chance(WANDERING)) fleet.wander(random);
  }
}

async function playTurn(fleet: DeviceFleet, steps: readonly Step[]): Promise<void> {
  const step = steps[0]!;
  const { account } = step;
  switch (step.type) {
    case "say":
      return say(fleet.speaker(account), steps as readonly SayStep[]);
    case "join":
      await fleet.owner.admit("", [account]);
      fleet.enter([account]);
      return;
    case "leave":
      return fleet.speaker(account).leave();
    case "kick":
      return fleet.owner.remove(account);
    case "rename":
      return fleet.speaker(account).rename(step.name);
  }
}

async function say(device: Device, steps: readonly SayStep[]): Promise<void> {
  const { stored } = await device.say(steps);
  // One that was offline wrote into its outbox.
  device.connect();
  await stored;
}
