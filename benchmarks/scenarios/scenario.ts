import type { Figures } from "../report/figures.js";
import type { Subject } from "../subjects/subject.js";

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
  /** Names of the subjects that it is measured of, ours first. */
  readonly subjects: readonly string[];
  run(subject: Subject, effort: Effort): Promise<Figures>;
}
