import type { Random } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";

/**
 * How long to wait before the next try, in ms: random between 0 and a cap that doubles with each try ("full jitter"),
 * so that devices which lost the server at the same moment do not come back at the same moment.
 * @param attempt tries that failed before, from 0
 */
export function backoff(random: Random, attempt: number): number {
  // The exponent is bounded, or else it overflows in a device that is offline for weeks.
  return (
    random.float() *
    Math.min(CLIENT_LIMITS.backoffCap, CLIENT_LIMITS.backoffBase * 2 ** Math.min(attempt, 16))
  );
}
