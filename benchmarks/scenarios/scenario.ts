import type { Figures } from "../report/figures.js";

/** How long, and how much, a scenario is to run. */
export interface Effort {
  /** ms that are measured. */
  readonly duration: number;
  /** True for a run that only shows that everything works. */
  readonly smoke: boolean;
  /** Tells how far it has come. */
  progress(what: string): void;
}

/** Something that is measured, of each of its subjects in turn. */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** What it is measured of, by name, ours first: programs, or amounts of what is stored. */
  readonly subjects: readonly string[];
  /** True of subjects that need PostgreSQL, Redis or NATS. */
  needsEngines?(subject: string): boolean;
  /** True if it needs a Chromium. */
  readonly needsBrowser?: boolean;
  run(subject: string, effort: Effort): Promise<Figures>;
}
