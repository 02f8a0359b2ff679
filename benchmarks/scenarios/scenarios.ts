import type { Scenario } from "./scenario.js";
import { TALK_SCENARIOS } from "./talk.js";

/** All there is to measure. */
export const SCENARIOS: readonly Scenario[] = [...TALK_SCENARIOS];
