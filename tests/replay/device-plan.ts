import type { SeededRandom } from "./seeded-random.js";

/**
 * When a device is online.
 * `steady`: all the time. `wanders`: goes offline and comes back. `returns`: goes offline at some point, and comes back
 * when all is over. `brief`: is switched on when its account first says something, goes offline after the last time,
 * and comes back when all is over. `new`: is first switched on when all is over, with an empty cache.
 */
export type DevicePlan = "steady" | "wanders" | "returns" | "brief" | "new";

/** The plan of the device that an account speaks from: it has to be online when something is said or done. */
export function planSpeaker(random: SeededRandom): DevicePlan {
  const dice = random.float();
  if (dice < 0.06) return "steady";
  if (dice < 0.16) return "wanders";
  return dice < 0.28 ? "returns" : "brief";
}

/** The plan of a device that only reads. */
export function planReader(random: SeededRandom): DevicePlan {
  return random.pick(["steady", "wanders", "returns", "new"] as const)!;
}
