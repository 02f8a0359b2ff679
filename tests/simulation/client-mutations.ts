import type { Mutation } from "./mutations.js";

/** Bugs planted in the client. */
export const CLIENT_MUTATIONS: readonly Mutation[] = [];
