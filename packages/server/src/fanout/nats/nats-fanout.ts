import { type Runtime, systemRuntime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";
import type { JetStreamClient } from "./jetstream-client.js";
import { consumeJetStream, type JetStreamInlet } from "./jetstream-inlet.js";
import { natsToken } from "./nats-token.js";

/** How long the last words may take, ms. */
const CLOSE_DEADLINE = 1_000;
/** ms before a subscription that a broken connection left unconfirmed is asked for again. */
const RETRY_DELAY = 100;

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
  /**
   * `jetstream(connection)` of the package `@nats-io/jetstream`: a server that is slow, cut off for a while or restarted under its id finds
   * what was sent to it waiting, up to 1,000 packets and five minutes. The same choice on all servers of one chat. Core NATS by default.
   */
  readonly jetstream?: JetStreamClient;
  /** Time and log; the real clock and no log by default. */
  readonly runtime?: Pick<Runtime, "clock" | "log">;
}

/**
 * Fan-out over NATS: one subject per server. What is published while a server's connection is broken is lost to it, and found
 * in the store; unless `jetstream` keeps it.
 * @param connection stays open. Connect it with `maxReconnectAttempts: -1`, or it gives up for good after ten failures
 */
export function natsFanout(connection: NatsConnection, options: NatsFanoutOptions = {}): Fanout {
  const { prefix = "chat", runtime = systemRuntime(), jetstream } = options;
  const core = natsBroker(connection, prefix, runtime);
  const broker = jetstream === undefined ? core : buffered(core, { client: jetstream, prefix, runtime });
  return new BrokerFanout(broker, runtime);
}

/** JetStream keeps what is published on its stream's subjects, whoever publishes it and however: only receiving differs. */
function buffered(core: Broker, inlet: Pick<JetStreamInlet, "client" | "prefix" | "runtime">): Broker {
  const cancels = new Set<() => Promise<unknown>>();
  return {
    name: core.name,
    send: (packets) => core.send(packets),
    async receive(serverId, handler) {
      const subject = subjectOf(inlet.prefix, serverId);
      const cancel = await consumeJetStream({ ...inlet, serverId, subject }, handler);
      cancels.add(cancel);
      return () => {
        cancels.delete(cancel);
        return cancel();
      };
    },
    async close() {
      for (const cancel of cancels) await cancel();
      await core.close();
    },
  };
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
      for (;;) {
        try {
          await connection.flush();
          return async () => cancel(subscription);
        } catch (error) {
          // A connection that broke meanwhile comes back with its subscriptions; one that is closed, or a fan-out, does not.
          if (connection.isClosed() || !subscriptions.has(subscription)) {
            cancel(subscription);
            throw error;
          }
          await new Promise<void>((resolve) => runtime.clock.schedule(RETRY_DELAY, resolve));
        }
      }
    },
    async close() {
      for (const subscription of [...subscriptions]) cancel(subscription);
      if (connection.isClosed()) return;
      // A client that is closed while its last words go into a broken connection throws an error that nobody can catch.
      const late = (): Error => new Error("NATS did not take the last words in time.");
      await inTime(runtime.clock, CLOSE_DEADLINE, late, connection.flush()).catch(() => {});
    },
  };
}

function subjectOf(prefix: string, serverId: string): string {
  return `${prefix}.server.${natsToken(serverId)}`;
}
