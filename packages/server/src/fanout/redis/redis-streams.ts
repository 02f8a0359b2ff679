import type { Cancel, Runtime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import type { Broker } from "../broker-fanout.js";
import type { RedisConnection } from "./redis-connection.js";

/** Packets that wait in one server's stream; Redis removes the oldest, in whole nodes, so some more may be there. */
const STREAM_PACKETS = 1_000;
/** How long a stream stays after the last packet came, ms: that of a server that is gone goes with it. */
const STREAM_EXPIRES = 300_000;
/** Packets per read: some 16 MiB at the most. */
const READ_PACKETS = 64;
/** How long one read waits, ms; and when it is answered so late that the connection must be dead. */
const READ_WAIT = 2_000;
const READ_OVERDUE = 6_000;
/** Between two tries to read, ms. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

interface StreamEntry {
  readonly id: Buffer;
  readonly packet: Uint8Array | undefined;
}

/**
 * One stream per server. Its reader always reads from the beginning and removes what was handled, so that the position is the
 * stream itself: it outlives the connection and the process, and no order of ids has to hold when Redis comes back empty.
 */
export function redisStreams(
  connection: RedisConnection,
  prefix: string,
  runtime: Pick<Runtime, "clock" | "log">,
): Broker {
  const streamOf = (serverId: string): string => `${prefix}:stream:${serverId}`;
  const cancels = new Set<() => void>();
  return {
    name: "Redis",
    async send(packets) {
      const outcomes = await Promise.allSettled(
        packets.flatMap(({ serverId, bytes }) => {
          const [stream, packet] = [
            streamOf(serverId),
            Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
          ];
          return [
            connection.command(["XADD", stream, "MAXLEN", "~", String(STREAM_PACKETS), "*", "p", packet]),
            connection.command(["PEXPIRE", stream, String(STREAM_EXPIRES)]),
          ];
        }),
      );
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
    async receive(serverId, handler) {
      const { standing, cancel } = readStream(connection, streamOf(serverId), handler, runtime);
      const end = (): void => {
        cancels.delete(end);
        cancel();
      };
      // At once: a connection that never stands has to be closed as well.
      cancels.add(end);
      try {
        await standing;
      } catch (error) {
        end();
        throw error;
      }
      return async () => end();
    },
    async close() {
      for (const end of cancels) end();
    },
  };
}

/** Reads a stream over a connection of its own until cancelled; `standing` resolves when that connection does. */
function readStream(
  connection: RedisConnection,
  stream: string,
  handler: (packet: Uint8Array) => void,
  runtime: Pick<Runtime, "clock" | "log">,
): { readonly standing: Promise<void>; cancel(): void } {
  let reader = connection.reader();
  let cancelled = false;
  let handled: Buffer[] = [];
  let cancelPause: Cancel = () => {};

  async function read(): Promise<void> {
    const wait = ["COUNT", String(READ_PACKETS), "BLOCK", String(READ_WAIT)];
    // On one connection, so what was handled is gone before the next read begins.
    const removal = handled.length === 0 ? undefined : reader.command(["XDEL", stream, ...handled]);
    const reading = Promise.all([reader.command(["XREAD", ...wait, "STREAMS", stream, "0"]), removal]);
    const [answer] = await inTime(runtime.clock, READ_OVERDUE, overdue, reading);
    handled = [];
    for (const { id, packet } of entriesOf(answer)) {
      if (cancelled) return;
      if (packet !== undefined) handler(packet);
      handled.push(id);
    }
  }

  /** Gives a connection up that does not answer: a cut that nobody tells of would else last for as long as TCP hopes. */
  function overdue(): Error {
    reader.close();
    if (!cancelled) reader = connection.reader();
    return new Error("Redis does not answer.");
  }

  async function readOn(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!cancelled) {
      try {
        await read();
        pause = FIRST_PAUSE;
      } catch (error) {
        if (cancelled) return;
        if (pause === FIRST_PAUSE)
          runtime.log("warn", "fanout_receive_failed", { broker: "Redis", error: String(error) });
        await new Promise<void>((resolve) => (cancelPause = runtime.clock.schedule(pause, resolve)));
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  return {
    standing: reader.command(["PING"]).then(() => void readOn()),
    cancel() {
      cancelled = true;
      cancelPause();
      reader.close();
    },
  };
}

/** What XREAD answers for one stream, as RESP2 has it and as RESP3. */
function entriesOf(answer: unknown): StreamEntry[] {
  if (!Array.isArray(answer)) return [];
  const [first, second] = answer as [unknown, unknown];
  const entries = (Array.isArray(first) ? first[1] : second) as [Buffer, Buffer[] | null][];
  return entries.map(([id, fields]) => ({ id, packet: fields?.[1] }));
}
