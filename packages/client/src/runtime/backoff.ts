import type { Random } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";

/**
 * How long to wait before the next try, in ms: random between 0 and a cap that grows by the same with each try ("full jitter"),
 * so that devices which lost the server at the same moment do not come back at the same moment. See decision 0021.
 * @param attempt tries that failed before, from 0
 */
export function backoff(random: Random, attempt: number): number {
  return random.float() * Math.min(CLIENT_LIMITS.backoffCap, CLIENT_LIMITS.backoffStep * (attempt + 1));
}
