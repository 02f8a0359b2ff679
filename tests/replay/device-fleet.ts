import { Device, type DeviceOptions } from "./device.js";
import { type DevicePlan, planReader, planSpeaker } from "./device-plan.js";
import type { LogScript } from "./log-script.js";
import type { SeededRandom } from "./seeded-random.js";

/** Every so many accounts one has a second device, which only reads. */
const EVERY_SECOND_DEVICE = 5;
/** Every so many devices one has its screen read all the time. */
const EVERY_WATCHER = 50;

/** All devices of one log: switches them on when their accounts come, and off and on as they please. */
export class DeviceFleet {
  readonly owner: Device;
  readonly #script: LogScript;
  readonly #random: SeededRandom;
  readonly #common: Pick<DeviceOptions, "conversationId" | "url" | "deadline" | "traces">;
  readonly #speakers = new Map<string, Device>();
  readonly #devices: Device[] = [];
  readonly #wanderers: Device[] = [];
  /** By step: the devices that go offline after it, until all is over. */
  readonly #goingAt = new Map<number, Device[]>();
  /** Accounts with a device that is first switched on at the end. */
  readonly #later: string[] = [];
  /** Accounts that are there, without a device that would be on. */
  readonly #silent = new Set<string>();
  readonly #lastStep = new Map<string, number>();
  readonly #withReader: ReadonlySet<string>;
  readonly #onDevice: (change: 1 | -1) => void;

  constructor(
    script: LogScript,
    random: SeededRandom,
    options: Pick<DeviceOptions, "url" | "deadline" | "traces">,
    onDevice: (change: 1 | -1) => void,
  ) {
    this.#script = script;
    this.#random = random;
    const { url, deadline, traces } = options;
    this.#common = { url, deadline, traces, conversationId: script.conversationId };
    this.#onDevice = onDevice;
    script.steps.forEach(({ account }, index) => this.#lastStep.set(account, index));
    this.#withReader = new Set(script.accounts.filter((_, index) => index % EVERY_SECOND_DEVICE === 0));
    this.owner = this.#add(script.owner, "steady");
  }

  get devices(): readonly Device[] {
    return this.#devices;
  }

  /** The device that an account speaks from; switched on, if this is the first time. */
  speaker(account: string): Device {
    const device = this.#speakers.get(account);
    if (device !== undefined) return device;
    if (!this.#silent.delete(account)) throw new Error(`${account} does something before it came.`);
    return this.#addSpeaker(account, "brief");
  }

  /** Accounts have joined; those that are new switch their devices on. */
  enter(accounts: readonly string[]): void {
    for (const account of accounts) {
      if (this.#speakers.has(account) || this.#silent.has(account)) continue;
      const plan = planSpeaker(this.#random);
      if (plan === "brief") this.#silent.add(account);
      else this.#addSpeaker(account, plan);
      if (this.#withReader.has(account)) this.#addReader(account);
    }
  }

  /** The steps up to this one have been played. */
  passed(step: number): void {
    for (const [at, devices] of this.#goingAt) {
      if (at > step) continue;
      this.#goingAt.delete(at);
      for (const device of devices) device.disconnect();
    }
  }

  /** One device goes offline, or comes back. */
  wander(random: SeededRandom): void {
    const device = random.pick(this.#wanderers);
    if (device?.isOffline) device.connect();
    else device?.disconnect();
  }

  /** Switches on what was never on. What is offline comes back by itself when it is asked for everything. */
  assemble(): void {
    for (const account of [...this.#later.splice(0), ...this.#silent]) this.#add(account, "new");
    this.#silent.clear();
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#devices.map(async (device) => {
        await device.close();
        this.#onDevice(-1);
      }),
    );
  }

  #addSpeaker(account: string, plan: DevicePlan): Device {
    const speaker = this.#add(account, plan);
    this.#speakers.set(account, speaker);
    // It has to stay as long as its account does something.
    if (plan === "returns" || plan === "brief") this.#goesAfter(this.#lastStep.get(account) ?? 0, speaker);
    return speaker;
  }

  #addReader(account: string): void {
    const plan = planReader(this.#random);
    if (plan === "new") {
      this.#later.push(account);
      return;
    }
    const reader = this.#add(account, plan);
    if (plan === "returns") this.#goesAfter(this.#random.integer(this.#script.steps.length), reader);
  }

  #add(account: string, plan: DevicePlan): Device {
    const watches = this.#devices.length % EVERY_WATCHER === 1;
    const device = new Device({ ...this.#common, account, plan, watches });
    this.#devices.push(device);
    if (plan === "wanders") this.#wanderers.push(device);
    this.#onDevice(1);
    return device;
  }

  #goesAfter(step: number, device: Device): void {
    const devices = this.#goingAt.get(step);
    if (devices === undefined) this.#goingAt.set(step, [device]);
    else devices.push(device);
  }
}
