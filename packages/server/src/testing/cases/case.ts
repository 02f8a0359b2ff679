import type { StoreWorld } from "../store-world.js";

/** How a case of a suite is declared: a sentence, and what proves it. */
export type Case = (name: string, prove: (world: StoreWorld) => Promise<void>) => void;
