import type { Patch } from "./bundle.js";
import { CLIENT_MUTATIONS } from "./client-mutations.js";
import type { Focus } from "./focus.js";
import { SERVER_MUTATIONS } from "./server-mutations.js";

/** A bug that is planted to see whether the simulation finds it. */
export interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Where it is looked for; everywhere if absent. */
  readonly focus?: Focus;
}

/** All planted bugs. */
export const MUTATIONS: readonly Mutation[] = [...SERVER_MUTATIONS, ...CLIENT_MUTATIONS];
