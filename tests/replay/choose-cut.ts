import type { Cut } from "./cutting-proxy.js";
import type { SeededRandom } from "./seeded-random.js";

/** Which way a connection ends next. */
export function chooseCut(random: SeededRandom): Cut {
  const dice = random.float();
  if (dice < 0.35) return "now";
  if (dice < 0.65) return "up";
  return dice < 0.97 ? "down" : "silent";
}
