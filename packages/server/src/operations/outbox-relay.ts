import { type Cancel, isChatError, SYSTEM_USER } from "@chat/protocol";
import type { OutboxStore, QueuedDraft } from "../store/outbox-store.js";
import { appendAuthorized, type Request } from "./append-authorized.js";
import { assertNotBlocked } from "./assert-not-blocked.js";
import { authorizeMember } from "./authorize-member.js";
import { assertVisible } from "./intervals.js";
import type { Caller, OperationContext } from "./operation-context.js";

/** ms that the server which stores what is queued may be silent before another one does. */
const LEASE = 10_000;
/** ms between two looks at what was committed. */
const INTERVAL = 100;
/** Drafts that are read at once. */
const DRAFTS_AT_ONCE = 200;
/** Drafts that one look goes through: so many may be stuck before those behind them wait, too. */
const DRAFTS_IN_A_LOOK = 2_000;

/** What the relay works with. */
export interface OutboxRelayOptions {
  readonly context: OperationContext;
  readonly outbox: OutboxStore;
  /** Names this run of this server among those on the store. */
  readonly owner: string;
}

/**
 * Stores the messages that applications have committed with rows of their own: one server at a time does, by lease. Each draft has its
 * idempotency key, so that one which was stored by a server that ended before it could remove it is stored once. Drafts of one sender's
 * device into one conversation are stored in their order, and behind one that can't be stored now the rest of these waits, and
 * nobody else's.
 */
export class OutboxRelay {
  readonly #options: OutboxRelayOptions;
  #cancel: Cancel = () => {};
  #turn: Promise<void> = Promise.resolve();
  #leads = false;
  #renewedAt = -Infinity;
  #closed = false;

  constructor(options: OutboxRelayOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#closed) return;
    this.#turn = this.#look();
  }

  /** Ends what is under way and lets another server go on with it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#turn;
    if (!this.#leads) return;
    const { context, outbox, owner } = this.#options;
    try {
      await outbox.lead({ owner, duration: 0 });
    } catch (error) {
      // It runs out by itself.
      context.runtime.log("warn", "outbox_lease_failed", { code: codeOf(error) });
    }
  }

  async #look(): Promise<void> {
    const { context } = this.#options;
    let isFull = false;
    try {
      isFull = await this.#goThrough();
    } catch (error) {
      context.runtime.log("warn", "outbox_failed", { code: codeOf(error) });
    }
    if (this.#closed) return;
    const pause = isFull ? 0 : this.#leads ? INTERVAL : LEASE / 3;
    this.#cancel = context.runtime.clock.schedule(pause, () => {
      this.#turn = this.#look();
    });
  }

  /** Stores what can be stored now. True if there may be more of it. */
  async #goThrough(): Promise<boolean> {
    const stuck = new Set<string>();
    let [settled, after] = [0, 0];
    for (let seen = 0; seen < DRAFTS_IN_A_LOOK; seen += DRAFTS_AT_ONCE) {
      if (this.#closed || !(await this.#claim())) return false;
      const queued = await this.#options.outbox.queued(DRAFTS_AT_ONCE, after);
      const streams = [...groupByStream(queued)].filter(([name]) => !stuck.has(name));
      // All of them, so that none is still under way in the next look, or when the store is closed.
      const outcomes = await Promise.allSettled(
        streams.map(async ([name, stream]) => {
          const count = await this.#store(stream);
          settled += count;
          if (count < stream.length) stuck.add(name);
        }),
      );
      const failed = outcomes.find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
      if (queued.length < DRAFTS_AT_ONCE) return false;
      after = queued[queued.length - 1]!.number;
    }
    return settled > 0;
  }

  /** True if this server leads; the lease is renewed in time. */
  async #claim(): Promise<boolean> {
    const { context, outbox, owner } = this.#options;
    const now = context.runtime.clock.monotonic();
    if (this.#leads && now - this.#renewedAt < LEASE / 3) return true;
    this.#leads = false;
    this.#leads = await outbox.lead({ owner, duration: LEASE });
    this.#renewedAt = now;
    return this.#leads;
  }

  /** Stores what one device sent into one conversation; gives how many drafts are dealt with. */
  async #store(stream: readonly QueuedDraft[]): Promise<number> {
    const { context, outbox } = this.#options;
    const caller = callerOf(stream[0]!);
    const outcomes = await appendAuthorized(
      context,
      stream.map((queued) => requestOf(context, caller, queued)),
    );
    const done: number[] = [];
    let refused = 0;
    for (const [index, outcome] of outcomes.entries()) {
      const { number, draft } = stream[index]!;
      if (outcome.status !== "refused") {
        done.push(number);
        if (outcome.status === "stored") context.hooks.afterSend(caller, outcome.entry);
      } else if (!outcome.error.retryable) {
        const { code, message } = outcome.error;
        await outbox.refuse(number, `${code}: ${message}`);
        refused++;
        const { conversationId, clientMessageId } = draft;
        context.runtime.log("error", "outbox_refused", { number, conversationId, clientMessageId, code });
      }
    }
    await outbox.remove(done);
    return done.length + refused;
  }
}

function requestOf(context: OperationContext, caller: Caller, { draft }: QueuedDraft): Request {
  const { conversationId, senderId, deviceId, clientMessageId, kind, mentions = [], ...content } = draft;
  return {
    key: { conversationId, senderId, deviceId, clientMessageId },
    kind,
    // The application was asked when it was drafted; whether the sender is a member still is asked now.
    async authorize(allowedUnder) {
      const participation = await authorizeMember(context, caller, conversationId, allowedUnder);
      assertNotBlocked(caller, participation);
      assertVisible(participation, content.replyTo);
      // It stands in the application's rows already: who has left meanwhile is no reason to refuse it.
      const members =
        mentions.length > 0 ? await context.conversations.roles(conversationId, mentions) : undefined;
      const present = mentions.filter((userId) => members?.has(userId));
      return {
        ...content,
        ...(present.length > 0 && { mentions: present }),
        countsAsUnread: true,
        membershipVersion: participation.membershipVersion,
      };
    },
  };
}

function callerOf({ draft: { senderId: userId, deviceId } }: QueuedDraft): Caller {
  return { userId, deviceId, ...(userId === SYSTEM_USER && { isSystem: true }) };
}

/** By conversation, sender and device, each in its order. */
function groupByStream(queued: readonly QueuedDraft[]): Map<string, QueuedDraft[]> {
  const streams = new Map<string, QueuedDraft[]>();
  for (const each of queued) {
    const { conversationId, senderId, deviceId } = each.draft;
    // No id holds a control character.
    const name = `${conversationId}\0${senderId}\0${deviceId}`;
    const stream = streams.get(name);
    if (stream === undefined) streams.set(name, [each]);
    else stream.push(each);
  }
  return streams;
}

function codeOf(error: unknown): string {
  return isChatError(error) ? error.code : "internal";
}
