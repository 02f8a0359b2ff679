import type { HistoryEvent, LogLine } from "./history.js";

/** What was promised and did not hold; each must be 0. */
export interface Breaches {
  /** Acknowledged messages that are not in the log, or that a device which may see them does not show. */
  lost: number;
  /** Messages that are twice in a log or on a screen. */
  doubled: number;
  /** Logs that are not in the order of a device's sends, and screens and told messages that are not in the order of the log. */
  misordered: number;
  /** Entries that somebody was shown who was no member then. */
  outsideInterval: number;
  /** Entries that are not what the store holds. */
  altered: number;
  /** Whatever took longer than its bound. */
  late: number;
}

/** What a history comes to. */
export interface Verdict {
  readonly breaches: Readonly<Breaches>;
  readonly acknowledged: number;
  /** Refused for good, and so told. */
  readonly refused: number;
  /** Neither acknowledged nor refused when all was over. */
  readonly unknown: number;
  readonly entries: number;
  readonly told: number;
  /** Devices times conversations. */
  readonly screens: number;
  readonly kills: number;
  readonly stops: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Entries that the store itself lost when it was put back. */
  readonly lostByStore: number;
  /** Acknowledged messages that came back under another id. */
  readonly moved: number;
  /** The longest that anything took until it was acknowledged again after a kill, ms. */
  readonly longestRecovery: number;
  /** The longest that one device was without a synced connection, ms. */
  readonly longestOutage: number;
  readonly longestTailRepair: number;
  readonly longestConvergence: number;
  /** The first breaches in words. */
  readonly examples: readonly string[];
}

/** Within which a lost last message is repaired, and within which everybody has everything after a healed partition, ms. */
const BOUNDS = { "repair of a lost tail": 10_000, convergence: 5_000 } as const;

const MOST_EXAMPLES = 20;

interface Sent {
  readonly device: string;
  readonly conversation: string;
  readonly number: number;
  acknowledgedAs?: number;
  refused?: true;
}

interface Log {
  readonly lines: readonly LogLine[];
  /** By user, from the entry that admits them up to the one that sends them away. */
  readonly stays: ReadonlyMap<string, readonly { readonly from: number; readonly to: number }[]>;
}

/**
 * Judges a history offline: knows nothing of client, server or store. Events of one file in their order; the file of what
 * was done to the world, which holds the logs, comes first.
 */
export class HistoryJudge {
  readonly #sent = new Map<string, Sent>();
  readonly #logs = new Map<string, Log>();
  /** Where a text stands in the logs. */
  readonly #stored = new Map<string, number>();
  /** By conversation the lowest head that the store was put back to. */
  readonly #rewoundTo = new Map<string, number>();
  /** By device and conversation the last id that was told. */
  readonly #toldUpTo = new Map<string, Map<string, number>>();
  readonly #users = new Map<string, string>();
  readonly #shown = new Set<string>();
  /** By device the conversations that it showed. */
  readonly #screens = new Map<string, Set<string>>();
  readonly #unsyncedSince = new Map<string, number>();
  readonly #acknowledgedAt: number[] = [];
  readonly #killedAt: number[] = [];
  readonly #faults: Record<string, number> = {};
  readonly #examples: string[] = [];
  readonly #breaches: Breaches = {
    lost: 0,
    doubled: 0,
    misordered: 0,
    outsideInterval: 0,
    altered: 0,
    late: 0,
  };
  #told = 0;
  #lostByStore = 0;
  #stops = 0;
  #longestOutage = 0;
  readonly #longest = { "repair of a lost tail": 0, convergence: 0 };

  add(event: HistoryEvent): void {
    switch (event.type) {
      case "invoke":
        return this.#invoked(event);
      case "ok":
        this.#acknowledgedAt.push(event.at);
        this.#outcome(event.text, (sent) => (sent.acknowledgedAs = event.id));
        return;
      case "fail":
        this.#outcome(event.text, (sent) => (sent.refused = true));
        return;
      case "run":
        this.#users.set(event.device, event.user);
        this.#toldUpTo.set(event.device, new Map());
        return;
      case "told":
        return this.#wasTold(event);
      case "diverged": {
        const upTo = this.#toldUpTo.get(event.device);
        const last = upTo?.get(event.conversation) ?? 0;
        upTo?.set(event.conversation, Math.min(last, event.above));
        return;
      }
      case "synced":
        return this.#synced(event);
      case "screen":
        return this.#screen(event);
      case "shown":
        this.#shown.add(event.device);
        return;
      case "server":
        if (event.is === "killed") this.#killedAt.push(event.at);
        if (event.is === "stopped") this.#stops++;
        return;
      case "fault":
        this.#faults[event.name] = (this.#faults[event.name] ?? 0) + 1;
        return;
      case "rewound":
        this.#lostByStore += event.lost;
        for (const [conversation, head] of Object.entries(event.heads)) {
          const lowest = this.#rewoundTo.get(conversation) ?? Infinity;
          this.#rewoundTo.set(conversation, Math.min(lowest, head));
        }
        return;
      case "took":
        this.#longest[event.what] = Math.max(this.#longest[event.what], event.ms);
        if (event.ms > BOUNDS[event.what]) this.#breach("late", `${event.what}: ${event.ms} ms`);
        return;
      case "log":
        return this.#log(event.conversation, event.lines);
      // For whoever looks up what a late device waited for.
      case "status":
      case "caught-up":
      case "warned":
    }
  }

  /** Call once, when all events were added. */
  verdict(): Verdict {
    this.#judgeOrderOfSends();
    const moved = this.#judgeAcknowledged();
    this.#judgeMissingScreens();
    const sent = [...this.#sent.values()];
    const acknowledged = sent.filter(({ acknowledgedAs }) => acknowledgedAs !== undefined).length;
    const refused = sent.filter((one) => one.refused).length;
    return {
      breaches: this.#breaches,
      acknowledged,
      refused,
      unknown: sent.length - acknowledged - refused,
      entries: [...this.#logs.values()].reduce((sum, { lines }) => sum + lines.length, 0),
      told: this.#told,
      screens: [...this.#screens.values()].reduce((sum, { size }) => sum + size, 0),
      kills: this.#killedAt.length,
      stops: this.#stops,
      faults: this.#faults,
      lostByStore: this.#lostByStore,
      moved,
      longestRecovery: this.#longestRecovery(),
      longestOutage: this.#longestOutage,
      longestTailRepair: this.#longest["repair of a lost tail"],
      longestConvergence: this.#longest.convergence,
      examples: this.#examples,
    };
  }

  #breach(kind: keyof Breaches, sentence: string): void {
    this.#breaches[kind]++;
    if (this.#examples.length < MOST_EXAMPLES) this.#examples.push(`${kind}: ${sentence}`);
  }

  #invoked({ text, device, conversation, number }: HistoryEvent & { type: "invoke" }): void {
    if (this.#sent.has(text)) throw new Error(`${text} is written twice; a text names one message.`);
    this.#sent.set(text, { device, conversation, number });
  }

  #outcome(text: string, set: (sent: Sent) => void): void {
    const sent = this.#sent.get(text);
    if (sent === undefined) throw new Error(`${text} has an outcome and was never sent.`);
    set(sent);
  }

  #log(conversation: string, lines: readonly LogLine[]): void {
    const stays = new Map<string, { from: number; to: number }[]>();
    lines.forEach((line, index) => {
      const { id, text, add = [], remove = [] } = line;
      if (id !== index + 1) this.#breach("misordered", `${conversation} has ${id} at place ${index + 1}`);
      if (text !== undefined) {
        if (this.#stored.has(text)) this.#breach("doubled", `${text} is twice in ${conversation}`);
        this.#stored.set(text, id);
      }
      for (const user of add) stays.set(user, [...(stays.get(user) ?? []), { from: id, to: Infinity }]);
      for (const user of remove) {
        const last = stays.get(user)?.at(-1);
        if (last !== undefined) last.to = id;
      }
    });
    this.#logs.set(conversation, { lines, stays });
  }

  #canSee(device: string, conversation: string, id: number): boolean {
    const stays = this.#logs.get(conversation)?.stays.get(this.#users.get(device) ?? "") ?? [];
    return stays.some(({ from, to }) => from <= id && id < to);
  }

  /** True for what the store has lost, so that another entry may stand there now. */
  #wasRewound(conversation: string, id: number): boolean {
    return id > (this.#rewoundTo.get(conversation) ?? Infinity);
  }

  #wasTold({ device, conversation, id, text }: HistoryEvent & { type: "told" }): void {
    this.#told++;
    const upTo = this.#toldUpTo.get(device);
    const last = upTo?.get(conversation) ?? 0;
    const what = `${device} was told ${id} of ${conversation}`;
    if (id <= last) this.#breach("misordered", `${what} after ${last}`);
    upTo?.set(conversation, id);
    const stored = this.#logs.get(conversation)?.lines[id - 1];
    if (stored?.text !== text) {
      if (!this.#wasRewound(conversation, id)) {
        this.#breach("altered", `${what} as ${text}, not ${stored?.text}`);
      }
    } else if (!this.#canSee(device, conversation, id)) {
      this.#breach("outsideInterval", what);
    }
  }

  #synced({ device, is, at }: HistoryEvent & { type: "synced" }): void {
    const since = this.#unsyncedSince.get(device);
    if (!is) this.#unsyncedSince.set(device, since ?? at);
    else if (since !== undefined) {
      this.#unsyncedSince.delete(device);
      this.#longestOutage = Math.max(this.#longestOutage, at - since);
    }
  }

  #screen({ device, conversation, lines }: HistoryEvent & { type: "screen" }): void {
    const seen = this.#screens.get(device) ?? new Set();
    this.#screens.set(device, seen.add(conversation));
    const where = `the screen of ${device} in ${conversation}`;
    const log = this.#logs.get(conversation)?.lines ?? [];
    const texts = new Set<string>();
    let last = 0;
    for (const [id, text] of lines) {
      if (id <= last) this.#breach("misordered", `${where} has ${id} after ${last}`);
      last = Math.max(last, id);
      if ((log[id - 1]?.text ?? null) !== text || log[id - 1] === undefined) {
        this.#breach("altered", `${where} has ${text} as ${id}, not ${log[id - 1]?.text}`);
      } else if (!this.#canSee(device, conversation, id)) {
        this.#breach("outsideInterval", `${where} has ${id}`);
      }
      if (text === null) continue;
      if (texts.has(text)) this.#breach("doubled", `${where} has ${text} twice`);
      texts.add(text);
    }
    const ids = new Set(lines.map(([id]) => id));
    for (const { id } of log) {
      if (this.#canSee(device, conversation, id) && !ids.has(id))
        this.#breach("lost", `${where} lacks ${id}`);
    }
  }

  /** The messages of one device stand in the order of its sends, except for what the store lost and its device brought back. */
  #judgeOrderOfSends(): void {
    for (const [conversation, { lines }] of this.#logs) {
      const last = new Map<string, number>();
      for (const { id, text } of lines) {
        const sent = text === undefined ? undefined : this.#sent.get(text);
        if (sent === undefined || text === undefined) continue;
        if (sent.acknowledgedAs !== undefined && this.#wasRewound(conversation, sent.acknowledgedAs))
          continue;
        const before = last.get(sent.device) ?? 0;
        if (sent.number < before) {
          this.#breach("misordered", `${text} is ${id} of ${conversation}, behind number ${before}`);
        }
        last.set(sent.device, Math.max(before, sent.number));
      }
    }
  }

  /** Every acknowledged message is in the log, where it was acknowledged. Gives how many stand elsewhere since the store lost them. */
  #judgeAcknowledged(): number {
    let moved = 0;
    for (const [text, { conversation, acknowledgedAs }] of this.#sent) {
      if (acknowledgedAs === undefined) continue;
      const id = this.#stored.get(text);
      if (id === undefined) {
        this.#breach("lost", `${text} was acknowledged as ${acknowledgedAs} of ${conversation}`);
      } else if (id !== acknowledgedAs) {
        if (this.#wasRewound(conversation, acknowledgedAs)) moved++;
        else this.#breach("altered", `${text} was acknowledged as ${acknowledgedAs} and is ${id}`);
      }
    }
    return moved;
  }

  /** Every device that showed what it has showed every conversation that its user is in. */
  #judgeMissingScreens(): void {
    for (const device of this.#shown) {
      for (const [conversation, { stays }] of this.#logs) {
        // Lists leave out what their user has left.
        if (stays.get(this.#users.get(device) ?? "")?.at(-1)?.to !== Infinity) continue;
        if (this.#screens.get(device)?.has(conversation) === true) continue;
        this.#breach("lost", `${device} does not show ${conversation} at all`);
      }
    }
  }

  #longestRecovery(): number {
    const acknowledged = Float64Array.from(this.#acknowledgedAt).sort();
    let longest = 0;
    let next = 0;
    for (const killed of this.#killedAt.sort((a, b) => a - b)) {
      while (next < acknowledged.length && acknowledged[next]! <= killed) next++;
      if (next < acknowledged.length) longest = Math.max(longest, acknowledged[next]! - killed);
    }
    return longest;
  }
}

/** How many promises were broken. */
export function countBreaches({ breaches }: Verdict): number {
  return Object.values(breaches as Record<string, number>).reduce((sum, count) => sum + count, 0);
}
