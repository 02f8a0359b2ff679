import type { Cancel, Runtime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import type { AmqpChannel, AmqpConnection } from "./amqp-connection.js";

/** Between two tries to connect, ms: half of the pause is chance. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5_000;
/** How long a connection may take to be made, ms: amqplib waits for as long as a broker that says nothing holds the line. */
const CONNECT_DEADLINE = 10_000;
/** How long a connection may take to close in order, ms. */
const CLOSE_DEADLINE = 2_000;

/** Sets something up on a channel, and gives what undoes it there. */
type SetUp = (channel: AmqpChannel) => Promise<() => Promise<unknown>>;

/** Something that is set up again on every new channel. */
interface Kept {
  readonly setUp: SetUp;
  undo: (() => Promise<unknown>) | undefined;
  /** Called when it stands for the first time. */
  standing: () => void;
}

/** A channel in use. */
export interface OpenChannel {
  readonly channel: AmqpChannel;
  /** Resolves when the connection has room again; rejects when it is lost. */
  drained(): Promise<void>;
}

/** A connection with one channel to RabbitMQ that is opened again whenever it is lost. */
export class AmqpLink {
  readonly #connect: () => PromiseLike<AmqpConnection>;
  readonly #runtime: Runtime;
  readonly #kept = new Set<Kept>();
  #connection: AmqpConnection | undefined;
  #channel: OpenChannel | undefined;
  /** Counts the connection as lost, and has another one opened. */
  #lose: () => void = () => {};
  /** The try to connect that is under way, or the last one. */
  #opening: Promise<void> | undefined;
  #closed = false;
  #pause = FIRST_PAUSE;
  #cancelPause: Cancel = () => {};

  constructor(connect: () => PromiseLike<AmqpConnection>, runtime: Runtime) {
    this.#connect = connect;
    this.#runtime = runtime;
  }

  /** The channel, after a try to connect that is under way. @throws Error while there is none */
  async open(): Promise<OpenChannel> {
    this.#start();
    if (this.#channel === undefined) await this.#opening;
    if (this.#channel === undefined) throw new Error("RabbitMQ is not connected.");
    return this.#channel;
  }

  /** Sets something up on this channel and every later one, until the returned function is called. Resolves when it stands. */
  async keep(setUp: SetUp): Promise<() => Promise<unknown>> {
    const kept: Kept = { setUp, undo: undefined, standing: () => {} };
    const standing = new Promise<void>((resolve) => (kept.standing = resolve));
    this.#kept.add(kept);
    this.#start();
    if (this.#channel !== undefined) void this.#setUp(kept, this.#channel.channel);
    await standing;
    return async () => {
      this.#kept.delete(kept);
      await kept.undo?.();
    };
  }

  /** Gives the connection up and opens another, also when this one never closes. */
  restart(): void {
    const [connection, lose] = [this.#connection, this.#lose];
    if (connection !== undefined) void this.#end(connection).then(lose);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPause();
    const connection = this.#connection;
    this.#connection = this.#channel = undefined;
    if (connection !== undefined) await this.#end(connection);
  }

  /**
   * Closes a connection, whichever way it ends. amqplib confirms only what the broker has confirmed: of one that is
   * lost meanwhile comes a `close` event alone, and of one that is cut off nothing at all.
   */
  async #end(connection: AmqpConnection): Promise<void> {
    let cancelDeadline: Cancel = () => {};
    await new Promise<void>((resolve) => {
      connection.on("close", resolve);
      connection.close().then(resolve, () => resolve());
      cancelDeadline = this.#runtime.clock.schedule(CLOSE_DEADLINE, resolve);
    });
    cancelDeadline();
  }

  #start(): void {
    this.#opening ??= this.#open();
  }

  async #open(): Promise<void> {
    let connection: AmqpConnection | undefined;
    try {
      connection = await this.#connectInTime();
      await this.#use(connection);
    } catch (error) {
      this.#runtime.log("warn", "fanout_connect_failed", { broker: "RabbitMQ", error: String(error) });
      if (connection === undefined) this.#later();
      else this.restart();
    }
  }

  /** One that is made too late is closed. */
  #connectInTime(): Promise<AmqpConnection> {
    const noAnswer = (): Error => new Error("RabbitMQ does not answer.");
    return inTime(this.#runtime.clock, CONNECT_DEADLINE, noAnswer, this.#connect(), (late) => {
      late.on("error", () => {});
      void this.#end(late);
    });
  }

  /** @throws what fails before the channel stands */
  async #use(connection: AmqpConnection): Promise<void> {
    let lost = false;
    let standingSince = Infinity;
    const waiting = new Set<() => void>();
    connection.on("error", (error) => {
      this.#runtime.log("warn", "fanout_connection_failed", { broker: "RabbitMQ", error: String(error) });
    });
    const lose = (): void => {
      if (lost) return;
      lost = true;
      for (const wake of waiting) wake();
      if (this.#connection === connection) this.#connection = this.#channel = undefined;
      for (const kept of this.#kept) kept.undo = undefined;
      // One that breaks as soon as it stands is no reason to ask again at once.
      if (this.#runtime.clock.monotonic() - standingSince >= LONGEST_PAUSE) this.#pause = FIRST_PAUSE;
      this.#later();
    };
    connection.on("close", lose);
    if (this.#closed) {
      await this.#end(connection);
      return;
    }
    this.#connection = connection;
    this.#lose = lose;
    const channel = await connection.createChannel();
    channel.on("error", (error) => {
      this.#runtime.log("warn", "fanout_channel_failed", { broker: "RabbitMQ", error: String(error) });
    });
    // A channel that the broker has closed is opened anew with its connection.
    channel.on("close", () => {
      if (!lost) this.restart();
    });
    channel.on("drain", () => {
      for (const wake of waiting) wake();
    });
    const open: OpenChannel = {
      channel,
      async drained() {
        if (!lost) {
          await new Promise<void>((resolve) => waiting.add(resolve));
          waiting.clear();
        }
        if (lost) throw new Error("The connection to RabbitMQ was lost.");
      },
    };
    for (const kept of [...this.#kept]) await this.#setUp(kept, channel);
    if (lost) return;
    // What came while the others were set up.
    this.#channel = open;
    standingSince = this.#runtime.clock.monotonic();
    for (const kept of [...this.#kept]) if (kept.undo === undefined) void this.#setUp(kept, channel);
  }

  async #setUp(kept: Kept, channel: AmqpChannel): Promise<void> {
    try {
      kept.undo = await kept.setUp(channel);
      kept.standing();
    } catch (error) {
      // The channel is broken then, and closes; it is set up on the next one.
      this.#runtime.log("warn", "fanout_subscribe_failed", { broker: "RabbitMQ", error: String(error) });
      this.restart();
    }
  }

  #later(): void {
    if (this.#closed) return;
    const pause = this.#pause * (0.5 + this.#runtime.random.float() / 2);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#cancelPause = this.#runtime.clock.schedule(pause, () => {
      this.#opening = this.#open();
    });
  }
}
