import { isChatError } from "@chat/client";
import type { Cut, CuttingProxy } from "../replay/cutting-proxy.js";
import { SeededRandom } from "../replay/seeded-random.js";
import { HistoryWriter } from "./history.js";
import { PlayerDevice } from "./player-device.js";
import type { DeviceSpec, Heads, PlayerRequests, Room, ToPlayer } from "./player-messages.js";

const CUTS: readonly Cut[] = ["now", "up", "up", "down", "down", "silent"];
/** What nobody has after so long is not under way any more. */
const HOLD_PATIENCE_MS = 60_000;
/** New devices that show what there is at the same time. */
const FRESH_AT_ONCE = 25;
/** Refusals of changes of members that the world explains. */
const EXPLAINED = new Set([
  "timeout",
  "closed",
  "limit_exceeded",
  "conflict",
  "store_unavailable",
  "overloaded",
]);

type Request = Exclude<ToPlayer, { type: "servers" }>;

/** Plays the devices of one process. */
export class Player {
  readonly #proxy: CuttingProxy;
  readonly #url: string;
  #devices: PlayerDevice[] = [];
  #history!: HistoryWriter;
  #random!: SeededRandom;
  #acknowledged = 0;
  #cuts = 0;
  #isWriting = false;
  #isOver = false;
  #isCalm = false;
  /** What goes on in the background; it ends when nobody writes any more. */
  #loops: Promise<void>[] = [];
  #failure: unknown;

  constructor(proxy: CuttingProxy, url: string) {
    this.#proxy = proxy;
    this.#url = url;
  }

  get progress(): { readonly acknowledged: number; readonly cuts: number } {
    return { acknowledged: this.#acknowledged, cuts: this.#cuts };
  }

  /** Somebody looks at a phone here and there. */
  serverIsBack(): void {
    for (const device of this.#devices) if (this.#random.chance(0.6)) device.wake();
  }

  async perform(request: Request): Promise<PlayerRequests[keyof PlayerRequests]["answer"]> {
    switch (request.type) {
      case "setUp":
        await this.#setUp(request);
        return null;
      case "write":
        this.#isWriting = request.is;
        return null;
      case "part":
        this.#note("partition");
        this.#isCalm = true;
        this.#proxy.part();
        return null;
      case "heal": {
        this.#note("partition healed");
        this.#proxy.heal();
        const began = Date.now();
        for (const device of this.#devices) device.wake();
        const held = await this.#hold(request.heads, (device) =>
          this.#history.add({ type: "caught-up", device: device.name, ms: Date.now() - began }),
        );
        this.#isCalm = false;
        return held === null ? null : held - began;
      }
      case "heads":
        return this.#heads();
      case "drain":
        return this.#drain();
      case "writeMany":
        await this.#writeMany(request);
        return null;
      case "synced":
        return this.#synced();
      case "attempts": {
        const attempts = this.#devices.map((device) => device.attempts);
        for (const device of this.#devices) device.attempts = 0;
        return { all: attempts.reduce((sum, count) => sum + count, 0), most: Math.max(0, ...attempts) };
      }
      case "writeOne":
        return this.#writeOne(request.device, request.conversation);
      case "hold":
        return this.#hold(request.heads);
      case "show":
        return this.#show();
    }
  }

  async #setUp(options: PlayerRequests["setUp"]["ask"]): Promise<void> {
    const { devices, rooms, history, seed, window, changesMembers, disturbs } = options;
    this.#history = new HistoryWriter(history);
    this.#random = new SeededRandom(seed);
    this.#devices = devices.map((spec) => this.#newDevice(spec));
    const founders = new Set<string>();
    for (const { id, members } of rooms) {
      const founder = this.#devices.find(({ user }) => user === members[0]);
      // The user's other device may live in another process.
      if (founder === undefined || !founder.name.endsWith("a")) continue;
      founders.add(founder.name);
      await founder.client.conversations.createGroup({ id, members });
      if (changesMembers) this.#background(() => this.#changeMembers(founder, id, members));
    }
    for (const device of this.#devices) {
      const own = rooms.filter(({ members }) => members.includes(device.user));
      await device.until(
        () => own.every(({ id }) => device.isMember(id)),
        () => "is a member of its rooms",
      );
      if (window > 0) this.#background(() => this.#pump(device, own, window));
    }
    if (disturbs) {
      this.#background(() => this.#disturb());
      this.#background(() => this.#restartDevices(founders));
    }
  }

  #newDevice(spec: DeviceSpec): PlayerDevice {
    return new PlayerDevice({
      ...spec,
      url: this.#url,
      history: this.#history,
      onOutcome: (acknowledged) => {
        if (acknowledged) this.#acknowledged++;
      },
    });
  }

  #background(loop: () => Promise<void>): void {
    this.#loops.push(loop().catch((error: unknown) => void (this.#failure ??= error)));
  }

  /** Writes whenever the window lets it. */
  async #pump(device: PlayerDevice, rooms: readonly Room[], window: number): Promise<void> {
    while (!this.#isOver) {
      const room = this.#random.pick(rooms.filter(({ id }) => device.isMember(id)));
      if (!this.#isWriting || room === undefined || device.unanswered >= window) {
        await pause(this.#isWriting ? 5 : 50);
        continue;
      }
      const count = Math.min(1 + this.#random.integer(8), window - device.unanswered);
      await Promise.all(Array.from({ length: count }, () => device.write(room.id)));
      // Now and then somebody thinks.
      if (this.#random.chance(0.1)) await pause(this.#random.float() * 200);
    }
  }

  async #changeMembers(founder: PlayerDevice, id: string, members: readonly string[]): Promise<void> {
    while (!this.#isOver) {
      await pause(1_000 + this.#random.float() * 4_000);
      const user = this.#random.pick(members.slice(1));
      const room = founder.client.conversations.get(id);
      if (this.#isOver || !this.#isWriting || user === undefined || room === undefined) continue;
      try {
        // Who is out comes back soon: rooms shall not run empty.
        await room.removeMembers([user]);
        await pause(this.#random.float() * 1_500);
        this.#note("member left and came back");
      } catch (error) {
        if (!isChatError(error) || !EXPLAINED.has(error.code)) throw error;
      }
      await this.#admit(founder, id, user);
    }
  }

  /** As long as it takes. */
  async #admit(founder: PlayerDevice, id: string, user: string): Promise<void> {
    for (;;) {
      try {
        await founder.client.conversations.get(id)?.addMembers([user]);
        return;
      } catch (error) {
        if (!isChatError(error) || !EXPLAINED.has(error.code)) throw error;
        if (error.code === "limit_exceeded") return;
        await pause(100);
      }
    }
  }

  async #disturb(): Promise<void> {
    while (!this.#isOver) {
      await pause(100 + this.#random.float() * 900);
      if (!this.#isWriting || this.#isCalm) continue;
      if (this.#random.chance(0.25)) {
        const [latency, rate] = [this.#random.float() * 500, 2_000 + this.#random.float() * 50_000];
        if (this.#proxy.slow(this.#random, latency, rate, 500 + this.#random.float() * 4_000)) {
          this.#note("slow connection");
        }
        continue;
      }
      const cut = this.#random.pick(CUTS)!;
      this.#proxy.cut(cut, this.#random, () => {
        this.#cuts++;
        this.#note(`cut ${cut}`);
      });
    }
  }

  async #restartDevices(founders: ReadonlySet<string>): Promise<void> {
    while (!this.#isOver) {
      await pause(1_000 + this.#random.float() * 4_000);
      const device = this.#random.pick(this.#devices.filter(({ name }) => !founders.has(name)));
      if (!this.#isWriting || this.#isCalm || device === undefined) continue;
      await device.restart();
      this.#note("application restarted");
    }
  }

  #note(name: string): void {
    this.#history.add({ type: "fault", name, at: Date.now() });
  }

  #heads(): Heads {
    const heads: Record<string, number> = {};
    for (const { held } of this.#devices) {
      for (const [id, head] of held) heads[id] = Math.max(head, heads[id] ?? 0);
    }
    return heads;
  }

  async #drain(): Promise<readonly string[]> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw new Error("Playing failed.", { cause: this.#failure });
    for (const device of this.#devices) device.wake();
    return settled(
      this.#devices.map((device) =>
        device.until(
          () => device.client.status.synced && device.client.status.pending === 0 && device.unanswered === 0,
          () => `has an outcome for everything; ${device.unanswered} have none`,
        ),
      ),
    );
  }

  async #writeOne(name: string, conversation: string): Promise<number> {
    const device = this.#devices.find((one) => one.name === name)!;
    await device.write(conversation);
    await device.until(
      () => device.unanswered === 0,
      () => "has its message stored",
    );
    return device.held.get(conversation) ?? 0;
  }

  async #writeMany(options: PlayerRequests["writeMany"]["ask"]): Promise<void> {
    const { device: name, conversation, count, characters } = options;
    const device = this.#devices.find((one) => one.name === name)!;
    for (let written = 0; written < count; written++) await device.write(conversation, characters);
    await device.until(
      () => device.unanswered === 0,
      () => `has ${count} messages stored`,
    );
  }

  async #synced(): Promise<number | null> {
    const late = await settled(
      this.#devices.map((device) =>
        device.until(
          () => device.client.status.connection === "online" && device.client.status.synced,
          () => "is synced",
        ),
      ),
    );
    return late.length > 0 ? null : Date.now();
  }

  async #hold(heads: Heads, caughtUp?: (device: PlayerDevice) => void): Promise<number | null> {
    const wanted = Object.entries(heads);
    const hold = async (device: PlayerDevice): Promise<boolean> => {
      const end = Date.now() + HOLD_PATIENCE_MS;
      while (!wanted.every(([id, head]) => !device.isMember(id) || device.has(id, head))) {
        if (Date.now() > end) return false;
        await pause(20);
      }
      caughtUp?.(device);
      return true;
    };
    const all = await Promise.all(this.#devices.map(hold));
    return all.includes(false) ? null : Date.now();
  }

  async #show(): Promise<readonly string[]> {
    const users = [...new Set(this.#devices.map(({ user }) => user))];
    const problems: string[] = [];
    const show = async (devices: PlayerDevice[]): Promise<void> => {
      // What a device holds goes with it: in a burst that is more than fits in memory twice.
      for (let device = devices.shift(); device !== undefined; device = devices.shift()) {
        problems.push(...(await device.show()));
        await device.client.close();
      }
    };
    await show(this.#devices);
    while (users.length > 0) {
      await show(
        users.splice(0, FRESH_AT_ONCE).map((user) => this.#newDevice({ name: `${user}-new`, user })),
      );
    }
    this.#history.close();
    return problems;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What did not come to pass. */
async function settled(promises: readonly Promise<void>[]): Promise<readonly string[]> {
  const results = await Promise.allSettled(promises);
  return results.flatMap((result) =>
    result.status === "rejected"
      ? [result.reason instanceof Error ? result.reason.message : String(result.reason)]
      : [],
  );
}
