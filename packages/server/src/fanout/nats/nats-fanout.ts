import { type Cancel, type Runtime, systemRuntime } from "@chat/protocol";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";

/** How long the last words may take, ms. */
const CLOSE_DEADLINE = 1_000;

/** What is called of a connection of `@nats-io/transport-node` (or of another transport of NATS). */
export interface NatsConnection {
  publish(subject: string, payload: Uint8Array): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { readonly data: Uint8Array }) => void },
  ): NatsSubscription;
  flush(): Promise<void>;
  isClosed(): boolean;
}

/** What is called of a subscription. */
export interface NatsSubscription {
  unsubscribe(): void;
}

/** Settings of {@link natsFanout}. */
export interface NatsFanoutOptions {
  /** What the subjects begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
  /** Time and log; the real clock and no log by default. */
  readonly runtime?: Pick<Runtime, "clock" | "log">;
}

/**
 * Fan-out over core NATS: one subject per server. What is published while a server's connection is broken is lost to
 * it, and found in the store.
 * @param connection stays open. Connect it with `maxReconnectAttempts: -1`, or it gives up for good after ten failures
 */
export function natsFanout(connection: NatsConnection, options: NatsFanoutOptions = {}): Fanout {
  const { prefix = "chat", runtime = systemRuntime() } = options;
  return new BrokerFanout(natsBroker(connection, prefix, runtime), runtime);
}

function natsBroker(
  connection: NatsConnection,
  prefix: string,
  runtime: Pick<Runtime, "clock" | "log">,
): Broker {
  const subscriptions = new Set<NatsSubscription>();
  const cancel = (subscription: NatsSubscription): void => {
    // The client throws when it is closed already.
    if (subscriptions.delete(subscription) && !connection.isClosed()) subscription.unsubscribe();
  };
  return {
    name: "NATS",
    async send(packets) {
      for (const { serverId, bytes } of packets) connection.publish(subjectOf(prefix, serverId), bytes);
      // Answered by the server: what comes meanwhile waits here and not in the client.
      await connection.flush();
    },
    async receive(serverId, handler) {
      const subscription = connection.subscribe(subjectOf(prefix, serverId), {
        callback(error, message) {
          if (error === null) handler(message.data);
          else runtime.log("warn", "fanout_receive_failed", { broker: "NATS", error: String(error) });
        },
      });
      subscriptions.add(subscription);
      try {
        await connection.flush();
      } catch (error) {
        cancel(subscription);
        throw error;
      }
      return async () => cancel(subscription);
    },
    async close() {
      for (const subscription of [...subscriptions]) cancel(subscription);
      if (connection.isClosed()) return;
      // A client that is closed while its last words go into a broken connection throws an error that nobody can catch.
      let cancelDeadline: Cancel = () => {};
      const overdue = new Promise<void>((resolve) => {
        cancelDeadline = runtime.clock.schedule(CLOSE_DEADLINE, resolve);
      });
      await Promise.race([connection.flush().catch(() => {}), overdue]);
      cancelDeadline();
    },
  };
}

/** Server ids are the application's; in a subject dots, spaces and wildcards have a meaning. */
function subjectOf(prefix: string, serverId: string): string {
  return `${prefix}.server.${encodeURIComponent(serverId).replace(/[.*]/g, (sign) => (sign === "." ? "%2E" : "%2A"))}`;
}
