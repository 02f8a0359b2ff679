import { type ChatClient, createChatClient, type Timeline } from "@chat/client";
import type { Chance } from "./chance.js";
import { DeviceDisk } from "./device-disk.js";
import type { DeviceEnd, Network } from "./network.js";
import { NewerVersion } from "./newer-version.js";
import type { Oracle } from "./oracle.js";
import { PartyClock } from "./party-clock.js";
import { Party, type Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

/** What a device lives in. */
export interface DeviceOptions {
  readonly name: string;
  readonly userId: string;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly oracle: Oracle;
  readonly network: Network;
  readonly catchUpEntries: number;
  /** The probability that a message which is told is marked as unread, unless it is read. */
  readonly marksUnread: number;
  /** False once the history was lost, so that what is held may be wrong for a while. */
  readonly isStrict: () => boolean;
}

interface Run extends DeviceEnd {
  readonly party: Party;
  readonly client: ChatClient;
  /** Timelines that are on the screen. */
  readonly opened: Set<string>;
}

/** One device: its storage, and the application that runs on it, is killed, and runs again. */
export class Device {
  readonly clock: PartyClock;
  readonly options: DeviceOptions;
  disk: DeviceDisk;
  /** False while it has no network. */
  isReachable = true;
  /** Its application is of a newer version from its next start on. */
  isNewer = false;
  #run: Run | undefined;
  #runs = 0;
  #wipes = 0;
  #written = 0;
  #wake: () => void = () => {};

  constructor(options: DeviceOptions) {
    this.options = options;
    this.clock = new PartyClock(options.scheduler);
    this.disk = this.#newDisk();
  }

  get name(): string {
    return this.options.name;
  }

  get userId(): string {
    return this.options.userId;
  }

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  get client(): ChatClient | undefined {
    return this.#run?.client;
  }

  /** Until then it sleeps. */
  get frozenUntil(): number {
    return this.#run?.party.frozenUntil ?? 0;
  }

  /** Names who writes: another one once the storage was wiped. */
  get author(): string {
    return `${this.name}.${this.#wipes}`;
  }

  start(): void {
    if (this.#run !== undefined) return;
    const { name, userId, scheduler, chance, trace, network, catchUpEntries } = this.options;
    const party = new Party(name);
    const isReachable = (): boolean => this.isReachable;
    const end = {
      party,
      name,
      userId,
      opened: new Set<string>(),
      ...(this.isNewer && { newer: new NewerVersion(chance.fork(`newer ${this.#runs}`), trace) }),
      get isReachable() {
        return isReachable();
      },
    };
    trace.note(name, "starts");
    scheduler.after(0, party, () => {
      const client = createChatClient({
        url: "ws://chat.test/chat",
        userId,
        token: () => userId,
        cache: this.disk.open(party),
        catchUpEntries,
        runtime: this.clock.runtime(party, chance.fork(`run ${++this.#runs}`), trace),
        transport: () => network.connect(end),
        signals: {
          subscribe: (wake) => {
            this.#wake = wake;
            return () => {};
          },
        },
      });
      this.#run = Object.assign(end, { client });
      this.#watch(client);
    });
  }

  /** The application is killed, or its battery is empty. */
  crash(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.party.alive = false;
    this.options.trace.note(this.name, "crashes");
    this.options.network.deviceDied(run, this.options.chance);
    this.disk.crash();
  }

  /** Its storage is gone, and with it who it was. */
  wipe(): void {
    this.crash();
    this.#wipes++;
    this.options.trace.note(this.name, "is wiped");
    this.disk = this.#newDisk();
  }

  /** Sleeps for so long; `skipped` ms of it pass for this device alone. */
  sleep(duration: number, skipped: number): void {
    const run = this.#run;
    if (run === undefined) return;
    this.options.trace.note(this.name, `sleeps for ${Math.round(duration + skipped)} ms`);
    run.party.frozenUntil = Math.max(run.party.frozenUntil, this.options.scheduler.now + duration);
    this.options.scheduler.at(run.party.frozenUntil, run.party, () => {
      this.clock.slept += skipped;
      this.#wake();
    });
  }

  /** The page says that something happened. */
  signal(): void {
    if (this.#run !== undefined) this.#wake();
  }

  /** Does something with the client, as its own application would. */
  act(action: (client: ChatClient) => unknown): void {
    const run = this.#run;
    if (run === undefined) return;
    this.options.scheduler.after(0, run.party, () => {
      Promise.resolve()
        .then(() => action(run.client))
        .catch((error: unknown) => {
          this.options.trace.hit(`request refused ${(error as { code?: string }).code ?? String(error)}`);
          this.options.trace.note(this.name, `is refused: ${String(error)}`);
        });
    });
  }

  /** Writes messages into a conversation that the device knows. */
  write(conversationId: string, count: number): void {
    const { oracle, trace } = this.options;
    const { author } = this;
    this.act((client) => {
      const conversation = client.conversations.get(conversationId);
      if (conversation === undefined) return;
      for (let index = 0; index < count; index++) {
        const number = ++this.#written;
        const text = `${author}#${number}`;
        oracle.written.set(text, { text, conversationId, author, number });
        conversation
          .send(text)
          .then(({ stored }) => {
            if (!this.disk.hasFailed) oracle.written.get(text)!.accepted = true;
            return stored;
          })
          .then(
            ({ messageId }) => oracle.acknowledged(text, messageId),
            (error: { code?: string }) => {
              const written = oracle.written.get(text)!;
              written.refused = error.code ?? "internal";
              trace.hit(`send refused ${written.refused}`);
            },
          );
      }
      trace.note(this.name, `writes ${count}, up to #${this.#written}, into ${conversationId}`);
    });
  }

  /** Puts a conversation on the screen. */
  open(conversationId: string): void {
    this.act((client) => {
      const conversation = client.conversations.get(conversationId);
      const run = this.#run;
      if (conversation === undefined || run === undefined || run.opened.has(conversationId)) return;
      run.opened.add(conversationId);
      const { timeline } = conversation;
      timeline.subscribe(() => this.#look(conversationId, timeline));
      this.#look(conversationId, timeline);
    });
  }

  #newDisk(): DeviceDisk {
    const { name, userId, scheduler, chance, trace, oracle } = this.options;
    return new DeviceDisk({
      name,
      userId,
      scheduler,
      chance: chance.fork(`disk ${this.#wipes}`),
      trace,
      oracle,
    });
  }

  /** Checks what the application is told. */
  #watch(client: ChatClient): void {
    const { trace, oracle, isStrict, marksUnread } = this.options;
    const last = new Map<string, number>();
    const reads = this.options.chance.fork(`reads ${this.#runs}`);
    client.on("message", ({ conversation, message }) => {
      const id = message.messageId ?? 0;
      if (reads.happens(0.3)) this.act(() => conversation.markRead(id));
      else if (reads.happens(marksUnread)) this.act(() => conversation.markUnread(Math.max(1, id - 2)));
      if (isStrict() && id <= (last.get(conversation.id) ?? 0)) {
        trace.fail("each message is told once and in order", `${this.name} in ${conversation.id}: ${id}`);
      }
      last.set(conversation.id, id);
      if (isStrict() && !oracle.canSee(this.userId, conversation.id, id)) {
        trace.fail(
          "nothing outside a member's intervals is shown",
          `${this.name} in ${conversation.id}: ${id}`,
        );
      }
    });
    client.on("diverged", ({ conversation, above, resent }) => {
      trace.hit("divergence repaired");
      if (resent > 0) trace.hit("divergence: messages sent again");
      if (isStrict())
        trace.fail("nobody diverges from a store that lost nothing", `${this.name} in ${conversation.id}`);
      trace.note(this.name, `diverged in ${conversation.id} above ${above}, sends ${resent} again`);
    });
    client.on("error", (error) => trace.note(this.name, `error ${error.code} ${error.message}`));
  }

  /** What is on the screen is a piece of the log without a hole, then what waits. */
  #look(conversationId: string, timeline: Timeline): void {
    const { trace, oracle, isStrict } = this.options;
    const where = `${this.name} in ${conversationId}`;
    const { messages } = timeline;
    const ids: number[] = [];
    let waits = false;
    for (const { state, messageId } of messages) {
      if (state !== "stored" || messageId === undefined) waits = true;
      else if (waits) trace.fail("the screen is in order", `${where}: ${messageId} behind what waits`);
      else if (messageId <= (ids.at(-1) ?? 0)) trace.fail("the screen is in order", `${where}: ${messageId}`);
      else ids.push(messageId);
    }
    if (new Set(messages.map(({ key }) => key)).size < messages.length) {
      trace.fail("no line is shown twice", where);
    }
    if (!isStrict()) return;
    const texts = messages.flatMap(({ text }) => text ?? []);
    if (new Set(texts).size < texts.length) trace.fail("no line is shown twice", where);
    const first = ids[0];
    if (first === undefined) return;
    const expected = oracle
      .shown(this.userId, conversationId)
      .map(({ messageId }) => messageId)
      .filter((id) => id >= first && id <= ids.at(-1)!);
    if (expected.join() !== ids.join()) {
      trace.fail("the screen has no hole", `${where}: ${ids.join()} instead of ${expected.join()}`);
    }
  }
}
