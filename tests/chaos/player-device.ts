import {
  type ChatClient,
  type Conversation,
  createChatClient,
  isChatError,
  type TimelineMessage,
} from "@chat/client";
import { systemRuntime } from "@chat/protocol";
import type { Cache } from "../../packages/client/src/cache/cache.js";
import { memoryCache } from "../../packages/client/src/cache/memory-cache.js";
import { connectWebSocket } from "../../packages/client/src/connection/connect-web-socket.js";
import { waitUntil, within } from "../replay/wait-until.js";
import type { HistoryWriter } from "./history.js";
import type { DeviceSpec } from "./player-messages.js";

/** What does not happen within a minute and a half on a machine under load does not happen. */
const PATIENCE_MS = 90_000;
/** The most entries in one step back into history. */
const OLDER = 200;

/** What a device of a player needs. */
export interface PlayerDeviceOptions extends DeviceSpec {
  readonly url: string;
  readonly history: HistoryWriter;
  /** Called whenever one of its messages was acknowledged or refused. */
  readonly onOutcome: (acknowledged: boolean) => void;
}

/** A real client over a cache that outlives it; everything that it tells its application is written down. */
export class PlayerDevice {
  readonly #options: PlayerDeviceOptions;
  readonly #cache: Cache = outliving(memoryCache({ random: systemRuntime().random }));
  readonly #held = new Map<string, number>();
  /** Texts without an outcome. */
  readonly #open = new Set<string>();
  /** The same from runs that have ended: their outcome is told only if it was not stored by then. */
  readonly #left = new Set<string>();
  readonly #outcomeListeners = new Set<() => void>();
  #client!: ChatClient;
  readonly #wakes = new Set<() => void>();
  #wasSynced = true;
  #status = "";
  #number = 0;
  /** How often it tried to connect. */
  attempts = 0;

  constructor(options: PlayerDeviceOptions) {
    this.#options = options;
    this.#start();
  }

  get name(): string {
    return this.#options.name;
  }

  get user(): string {
    return this.#options.user;
  }

  get client(): ChatClient {
    return this.#client;
  }

  /** Messages without an outcome. */
  get unanswered(): number {
    return this.#open.size;
  }

  /** The highest id that it told of, by conversation. */
  get held(): ReadonlyMap<string, number> {
    return this.#held;
  }

  /** The operating system says that there is a network. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** The application ends and is started again, on what the device holds. */
  async restart(): Promise<void> {
    const ended = this.#client;
    await ended.close();
    for (const text of this.#open) this.#left.add(text);
    this.#open.clear();
    this.#start();
  }

  /** Calls back after each outcome. */
  onOutcome(listener: () => void): () => void {
    this.#outcomeListeners.add(listener);
    return () => this.#outcomeListeners.delete(listener);
  }

  isMember(conversation: string): boolean {
    return this.#client.conversations.get(conversation)?.summary.member === true;
  }

  /** Puts one message into the outbox, of so many characters at least. Resolves once it is there. */
  async write(conversationId: string, characters = 0): Promise<void> {
    const { name, history } = this.#options;
    const conversation = this.#client.conversations.get(conversationId);
    if (conversation === undefined) return;
    const number = ++this.#number;
    const text = `${name}#${number}`.padEnd(characters, " .");
    history.add({ type: "invoke", device: name, conversation: conversationId, text, number });
    this.#open.add(text);
    try {
      const { stored } = await conversation.send(text);
      stored.then(
        ({ messageId }) => this.#acknowledged(text, messageId!),
        // A client that was closed leaves it in the outbox; the next one goes on.
        (error: unknown) => codeOf(error) !== "closed" && this.#refused(text, codeOf(error)),
      );
    } catch (error) {
      // Never taken into the outbox: nothing was promised.
      if (codeOf(error) !== "closed") throw error;
      this.#outcome(text, false);
    }
  }

  /** True if it has everything of a conversation up to there. */
  has(conversationId: string, head: number): boolean {
    if ((this.#held.get(conversationId) ?? 0) >= head) return true;
    // Of what is fetched as history nothing is told.
    const timeline = this.#client.conversations.get(conversationId)?.timeline;
    const last = timeline?.messages.filter(({ messageId }) => messageId !== undefined).at(-1)?.messageId ?? 0;
    return timeline?.state === "complete" && last >= head;
  }

  /** Resolves once the client tells something that makes it true. */
  until(condition: () => boolean, what: () => string): Promise<void> {
    const client = this.#client;
    return waitUntil(
      (listener) => {
        const ends = [
          client.subscribe(listener),
          client.conversations.subscribe(listener),
          this.onOutcome(listener),
        ];
        client.on("message", listener);
        return () => {
          for (const end of ends) end();
          client.off("message", listener);
        };
      },
      condition,
      PATIENCE_MS,
      () => `${this.name} ${what()} [${this.describe()}]`,
    );
  }

  /** Writes down all that it shows. Gives what does not become complete. */
  async show(): Promise<readonly string[]> {
    const { history } = this.#options;
    const problems: string[] = [];
    try {
      await this.until(
        () => this.#client.status.synced,
        () => "is synced",
      );
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
    for (const conversation of this.#client.conversations.items) {
      try {
        history.add({
          type: "screen",
          device: this.name,
          conversation: conversation.id,
          lines: await this.#lines(conversation),
        });
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
    history.add({ type: "shown", device: this.name });
    return problems;
  }

  describe(): string {
    const { connection, synced, pending, error } = this.#client.status;
    return `${connection}, synced ${synced}, pending ${pending}, error ${error?.code ?? "none"}`;
  }

  #start(): void {
    const { name, user, url, history } = this.#options;
    history.add({ type: "run", device: name, user });
    const client = createChatClient({
      url,
      userId: user,
      token: user,
      cache: this.#cache,
      transport: (...where) => {
        this.attempts++;
        return connectWebSocket(...where);
      },
      signals: {
        subscribe: (wake) => {
          this.#wakes.add(wake);
          return () => this.#wakes.delete(wake);
        },
      },
    });
    this.#client = client;
    client.subscribe(() => this.#statusChanged(client));
    client.on("message", ({ conversation, message }) => {
      if (this.#client === client) this.#told(conversation, message);
    });
    client.on("diverged", ({ conversation, above }) => {
      history.add({ type: "diverged", device: name, conversation: conversation.id, above });
      this.#held.set(conversation.id, Math.min(above, this.#held.get(conversation.id) ?? 0));
    });
  }

  #statusChanged(client: ChatClient): void {
    if (client !== this.#client) return;
    const { connection, synced, error } = client.status;
    const { history, name: device } = this.#options;
    const at = Date.now();
    const status = `${connection}, ${synced ? "" : "not "}synced, ${error?.code ?? "no error"}`;
    if (status !== this.#status) history.add({ type: "status", device, status, at });
    this.#status = status;
    const is = connection === "online" && synced;
    if (is === this.#wasSynced) return;
    this.#wasSynced = is;
    history.add({ type: "synced", device, is, at });
  }

  #told({ id: conversation }: Conversation, { messageId = 0, text, senderId }: TimelineMessage): void {
    const { history, name, user } = this.#options;
    history.add({
      type: "told",
      device: name,
      conversation,
      id: messageId,
      ...(text !== undefined && { text }),
    });
    this.#held.set(conversation, Math.max(messageId, this.#held.get(conversation) ?? 0));
    if (text === undefined || senderId !== user || !this.#left.delete(text)) return;
    history.add({ type: "ok", text, id: messageId, at: Date.now() });
    this.#options.onOutcome(true);
  }

  #acknowledged(text: string, id: number): void {
    if (!this.#open.has(text)) return;
    this.#options.history.add({ type: "ok", text, id, at: Date.now() });
    this.#outcome(text, true);
  }

  #refused(text: string, code: string): void {
    if (!this.#open.has(text)) return;
    this.#options.history.add({ type: "fail", text, code });
    this.#outcome(text, false);
  }

  #outcome(text: string, acknowledged: boolean): void {
    this.#open.delete(text);
    this.#options.onOutcome(acknowledged);
    for (const listener of [...this.#outcomeListeners]) listener();
  }

  async #lines({ id, timeline }: Conversation): Promise<(readonly [number, string | null])[]> {
    const where = (): string =>
      `${this.name} in ${id}: the timeline is ${timeline.state} [${this.describe()}]`;
    for (;;) {
      await waitUntil(
        (listener) => timeline.subscribe(listener),
        () => timeline.state === "complete",
        PATIENCE_MS,
        where,
      );
      if (!timeline.hasOlder) break;
      await within(timeline.loadOlder({ limit: OLDER }), PATIENCE_MS, where);
    }
    return timeline.messages.flatMap(({ messageId, text }) =>
      messageId === undefined ? [] : [[messageId, text ?? null] as const],
    );
  }
}

function codeOf(error: unknown): string {
  if (!isChatError(error)) throw error;
  return error.code;
}

/** What a device holds stays when its application ends. */
function outliving(cache: Cache): Cache {
  return { ...cache, close: async () => {} };
}
