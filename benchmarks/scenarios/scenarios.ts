import { BROWSER_SCENARIOS } from "./browser.js";
import { CROWD_SCENARIOS } from "./crowd.js";
import { HISTORY_SCENARIOS } from "./history.js";
import { LARGE_GROUP_SCENARIOS } from "./large-group.js";
import { PRESENCE_SCENARIOS } from "./presence-flap.js";
import type { Scenario } from "./scenario.js";
import { STORM_SCENARIOS } from "./storm.js";
import { TALK_SCENARIOS } from "./talk.js";

/** All there is to measure. */
export const SCENARIOS: readonly Scenario[] = [
  ...TALK_SCENARIOS,
  ...CROWD_SCENARIOS,
  ...LARGE_GROUP_SCENARIOS,
  ...PRESENCE_SCENARIOS,
  ...HISTORY_SCENARIOS,
  ...STORM_SCENARIOS,
  ...BROWSER_SCENARIOS,
];
