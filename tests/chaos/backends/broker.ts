import type { Fanout, Registry } from "@chat/server";

/** A broker that runs for one round. */
interface StartedBroker {
  /** Where it is reached. */
  readonly port: number;
  /** Ends it at once, and starts it again; what it held is lost. */
  crash(): Promise<void>;
  dispose(): Promise<void>;
}

/** What is between the servers: the other half of a cluster's backend. */
export interface Broker {
  /** False where its programs are not installed. */
  canStart(): Promise<boolean>;
  start(): Promise<StartedBroker>;
  /** In a process of its own. @param port as `StartedBroker` has it, or another one that leads there */
  open(port: number, registry: Registry): Promise<{ readonly fanout: Fanout; close(): void | Promise<void> }>;
}
