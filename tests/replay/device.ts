import { type ChatClient, type Conversation, createChatClient, type TimelineMessage } from "@chat/client";
import type { HeldEntry } from "./compare-entries.js";
import type { DevicePlan } from "./device-plan.js";
import type { ExpectedNames } from "./expected-names.js";
import { FrameTrace } from "./frame-trace.js";
import { DeadlinePassed, waitUntil, within } from "./wait-until.js";

/** The most entries in one step back into history. */
const OLDER = 200;
/** Lines at the end of a screen that are looked at whenever it changes. */
const WATCHED_LINES = 50;

/** Where a device is, and whose. */
export interface DeviceOptions {
  readonly account: string;
  readonly plan: DevicePlan;
  readonly conversationId: string;
  readonly url: string;
  /** ms after which something that does not happen is a failure. */
  readonly deadline: number;
  /** Reads every state of the screen, and not only the last one. */
  readonly watches: boolean;
  /** Remembers the last frames, for the sentence on what did not happen. */
  readonly traces: boolean;
}

function heldEntry({ messageId, senderId, kind, text, data }: TimelineMessage): HeldEntry {
  const members = data?.["members"];
  return {
    messageId,
    senderId,
    kind,
    ...(text !== undefined && { text }),
    ...(Array.isArray(members) && { members: members.map(String) }),
  };
}

/** A real client with a cache of its own, and an eye on what it tells the application while it runs. */
export class Device {
  readonly account: string;
  readonly plan: DevicePlan;
  readonly #options: DeviceOptions;
  readonly #client: ChatClient;
  readonly #trace: FrameTrace | undefined;
  readonly #complaints: string[] = [];
  #connections = 0;
  #wasOnline = false;
  #lastTold = 0;
  #watching = false;

  constructor(options: DeviceOptions) {
    const { account, plan, url, deadline } = options;
    this.account = account;
    this.plan = plan;
    this.#options = options;
    this.#trace = options.traces ? new FrameTrace() : undefined;
    this.#client = createChatClient({
      url,
      userId: account,
      token: account,
      requestTimeout: deadline * 2,
      ...(this.#trace !== undefined && { transport: this.#trace.transport }),
    });
    this.#client.subscribe(() => this.#statusChanged());
    this.#client.on("message", ({ conversation, message }) => {
      if (conversation.id === options.conversationId) this.#told(message);
    });
    if (options.watches) this.#client.conversations.subscribe(() => this.#watch());
  }

  /** What the client did while it ran and must not have done. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** How often it came back online. */
  get reconnects(): number {
    return Math.max(0, this.#connections - 1);
  }

  get isOffline(): boolean {
    return this.#client.status.connection === "offline";
  }

  connect(): void {
    if (this.isOffline) this.#client.connect();
  }

  disconnect(): void {
    this.#client.disconnect();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Creates the conversation, or adds to it. */
  async admit(name: string, members: readonly string[]): Promise<void> {
    const { conversationId } = this.#options;
    const conversation = this.#client.conversations.get(conversationId);
    const admitted: Promise<unknown> =
      conversation === undefined
        ? this.#client.conversations.createGroup({ id: conversationId, name, members })
        : conversation.addMembers(members);
    await this.#within(admitted, `adds ${members.length} members`);
  }

  async remove(account: string): Promise<void> {
    const conversation = await this.joined();
    await this.#within(conversation.removeMembers([account]), `removes ${account}`);
  }

  async leave(): Promise<void> {
    this.connect();
    const conversation = await this.joined();
    await this.#within(conversation.leave(), "leaves");
  }

  async rename(name: string): Promise<void> {
    this.connect();
    await this.#within(this.#client.users.setProfile({ name }), `is renamed to ${name}`);
  }

  /**
   * Sends messages, one after the other but without waiting; offline, they wait in the outbox.
   * @returns settles once all of them are in the outbox; its `stored`, once the server has them
   */
  async say(
    messages: readonly { readonly text: string; readonly kind: string }[],
  ): Promise<{ readonly stored: Promise<void> }> {
    if (!this.#knowsItself()) this.connect();
    const conversation = await this.joined();
    const sent = await this.#within(
      Promise.all(
        messages.map(({ text, kind }) => conversation.send(kind === "text" ? text : { text, kind })),
      ),
      "puts messages into the outbox",
    );
    const stored = this.#within(
      Promise.all(sent.map((message) => message.stored)),
      `has stored what begins with ${JSON.stringify(messages[0]!.text)}`,
    );
    return { stored: stored.then(() => {}) };
  }

  /** The conversation, once this device knows that it is a member. */
  async joined(): Promise<Conversation> {
    const conversation = await this.#conversation();
    await this.#until(
      (listener) => conversation.subscribe(listener),
      () => conversation.summary.member,
      "knows that it is a member",
    );
    return conversation;
  }

  /**
   * Comes online, catches up and loads all of the history.
   * @param newest the last id that it has to reach; when it does not come in time, what is there is returned
   */
  async everything(newest: number): Promise<HeldEntry[]> {
    this.connect();
    await this.#until(
      (listener) => this.#client.subscribe(listener),
      () => this.#client.status.connection === "online" && this.#client.status.synced,
      "is online and synced",
    );
    const { timeline } = await this.#conversation();
    const subscribe = (listener: () => void): (() => void) => timeline.subscribe(listener);
    for (let page = 0; ; page++) {
      await this.#until(subscribe, () => timeline.state === "complete", "has a complete timeline");
      if (!timeline.hasOlder) break;
      if (page > newest) throw new Error(`${this.#name}: hasOlder stays true, whatever loadOlder brings.`);
      await this.#within(timeline.loadOlder({ limit: OLDER }), "loads older messages");
    }
    const arrived = (): boolean => (timeline.messages.at(-1)?.messageId ?? 0) >= newest;
    try {
      await this.#until(
        subscribe,
        () => arrived() && this.#client.status.pending === 0,
        `holds #${newest} and has nothing pending`,
      );
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
      this.#complaints.push(error.message);
    }
    return timeline.messages.map(heldEntry);
  }

  /** The members as the server lists them. */
  async members(): Promise<string[]> {
    const conversation = await this.joined();
    const members: string[] = [];
    let page: string | undefined;
    do {
      const answer = await this.#within(
        conversation.members({ limit: 100, ...(page !== undefined && { cursor: page }) }),
        "lists the members",
      );
      members.push(...answer.items.map(({ userId }) => userId));
      page = answer.nextCursor;
    } while (page !== undefined);
    return members;
  }

  /** @returns sentences on users that this device shows under another name than it should */
  async wrongNames(userIds: readonly string[], names: ExpectedNames): Promise<string[]> {
    const { users } = this.#client;
    const shown = (userId: string): string => users.get(userId)?.name ?? "";
    const wrong = (): string[] => userIds.filter((userId) => !names[userId]!.includes(shown(userId)));
    try {
      await this.#until(
        (listener) => users.subscribe(listener),
        () => wrong().length === 0,
        "knows every name",
      );
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
    }
    return wrong().map(
      (userId) => `${this.#name} shows ${userId} as "${shown(userId)}", not ${names[userId]!.join(" or ")}`,
    );
  }

  get #name(): string {
    return `${this.account} (${this.plan})`;
  }

  #knowsItself(): boolean {
    return this.#client.conversations.get(this.#options.conversationId)?.summary.member === true;
  }

  async #conversation(): Promise<Conversation> {
    const { conversations } = this.#client;
    const { conversationId } = this.#options;
    return (
      conversations.get(conversationId) ??
      (await this.#within(conversations.fetch(conversationId), "fetches the conversation"))
    );
  }

  #statusChanged(): void {
    const { connection, error } = this.#client.status;
    const isOnline = connection === "online";
    if (isOnline && !this.#wasOnline) this.#connections++;
    this.#wasOnline = isOnline;
    if (connection === "stopped") this.#complaints.push(`${this.#name} stopped: ${error?.message ?? ""}`);
  }

  #told({ messageId = 0 }: TimelineMessage): void {
    if (messageId <= this.#lastTold) {
      this.#complaints.push(`${this.#name} was told of #${messageId} after #${this.#lastTold}`);
    }
    this.#lastTold = Math.max(this.#lastTold, messageId);
  }

  #watch(): void {
    const conversation = this.#client.conversations.get(this.#options.conversationId);
    if (conversation === undefined || this.#watching) return;
    this.#watching = true;
    const { timeline } = conversation;
    timeline.subscribe(() => {
      let last = 0;
      let pending = false;
      for (const { messageId } of timeline.messages.slice(-WATCHED_LINES)) {
        if (messageId === undefined) pending = true;
        else if (messageId <= last || pending) {
          const where = pending ? "below a pending message" : `after #${last}`;
          this.#complaints.push(`${this.#name} showed #${messageId} ${where}`);
        }
        if (messageId !== undefined) last = messageId;
      }
    });
  }

  #within<T>(promise: Promise<T>, what: string): Promise<T> {
    return within(promise, this.#options.deadline, () => this.#describe(what));
  }

  #until(
    subscribe: (listener: () => void) => () => void,
    condition: () => boolean,
    what: string,
  ): Promise<void> {
    const unlessStopped = (): boolean => {
      const { connection, error } = this.#client.status;
      if (connection === "stopped") throw new Error(`${this.#name} stopped: ${error?.message ?? ""}`);
      return condition();
    };
    return waitUntil(subscribe, unlessStopped, this.#options.deadline, () => this.#describe(what));
  }

  #describe(what: string): string {
    const { connection, synced, pending, error } = this.#client.status;
    const timeline = this.#client.conversations.get(this.#options.conversationId)?.timeline;
    const state = timeline && `${timeline.state}, last #${timeline.messages.at(-1)?.messageId ?? "?"}`;
    return `${this.#name} ${what} [${connection}, synced ${synced}, pending ${pending}, error ${error?.code ?? "none"}, timeline ${state ?? "none"}]\n${this.#trace?.toString() ?? ""}`.trim();
  }
}
