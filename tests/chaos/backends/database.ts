import type { ChatStore, Registry } from "@chat/server";

/** A database that runs for one round. */
interface StartedDatabase {
  /** Where it is reached. */
  readonly ports: readonly number[];
  /** Ends it at once; what it has committed it must have again after the next start. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Keeps the present state, and puts it back. It must not run. Absent where it can't be put back. */
  keep?(): void;
  goBack?(): void;
  dispose(): Promise<void>;
}

/** Where conversations live, and which server holds which session: one half of a cluster's backend. */
export interface Database<Store extends ChatStore = ChatStore> {
  /** False where its programs are not installed. */
  canStart(): Promise<boolean>;
  start(): Promise<StartedDatabase>;
  /** In a process of its own. @param ports as `StartedDatabase` has them, or others that lead there */
  open(ports: readonly number[]): {
    readonly store: Store;
    readonly registry: Registry;
    close(): Promise<void>;
  };
}
