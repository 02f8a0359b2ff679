import { ChatError, isChatError, type Runtime } from "@chat/protocol";
import type { AppendOutcome, Draft } from "../message-store.js";
import { AppendCall } from "./append-call.js";
import { LOAD_PER_COMMIT, loadOf } from "./commit-load.js";
import { closedError } from "./unavailable.js";

/** Drafts that share one commit. */
const DRAFTS_PER_COMMIT = 512;
/** Drafts that may wait. What comes beyond is refused with `overloaded`. */
const WAITING_DRAFTS = 20_000;
/** Transactions under way at once: while one waits for the disk, the next one's statements run. */
const COMMITS_AT_ONCE = 2;

/** A draft that waits, and whose outcome it is. */
export interface QueuedDraft {
  readonly draft: Draft;
  readonly call: AppendCall;
  readonly index: number;
  /** It shared a transaction that failed, and now gets one of its own. */
  alone: boolean;
}

/**
 * Stores drafts in one transaction and notes each outcome with its call. Rejects with ChatError if nothing was stored.
 * @param join once the conversations are locked: adds to `drafts` the plain ones that came for them meanwhile
 */
type StoreDrafts = (drafts: readonly QueuedDraft[], join: () => void) => Promise<void>;

/**
 * Lets appends of many callers share transactions. A conversation is never in two of them at once, so that its drafts are stored
 * in the order in which they came, and no transaction waits for a row that another one of this server has locked. What comes while
 * another server has it locked goes along once it is free.
 */
export class AppendQueue {
  readonly #runtime: () => Runtime;
  readonly #store: StoreDrafts;
  readonly #isAway: () => boolean;
  readonly #commitsAtOnce: number;
  readonly #busy = new Set<string>();
  #waiting: QueuedDraft[] = [];
  #underWay = 0;
  #scheduled = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /** @param isAway true while the engine answers nobody */
  constructor(
    runtime: () => Runtime,
    store: StoreDrafts,
    isAway: () => boolean,
    commitsAtOnce = COMMITS_AT_ONCE,
  ) {
    this.#runtime = runtime;
    this.#store = store;
    this.#isAway = isAway;
    this.#commitsAtOnce = commitsAtOnce;
  }

  /** As {@link MessageStore.append}. */
  append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    if (drafts.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const call = new AppendCall(drafts, resolve);
      const queued = drafts.map((draft, index) => ({ draft, call, index, alone: false }));
      const problem = this.#problem(drafts.length);
      if (problem !== undefined) refuse(queued, problem);
      else {
        this.#waiting.push(...queued);
        this.#schedule();
      }
    });
  }

  /** Resolves when everything that waits is stored or refused. Later drafts are refused with `closed`. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  #problem(count: number): ChatError | undefined {
    if (this.#closed) return closedError();
    try {
      this.#runtime();
    } catch (error) {
      if (!isChatError(error)) throw error;
      return error;
    }
    if (this.#waiting.length + count <= WAITING_DRAFTS) return undefined;
    return new ChatError(
      "overloaded",
      `${this.#waiting.length} messages are waiting for the database; try again later.`,
    );
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#underWay >= this.#commitsAtOnce) return;
    this.#scheduled = true;
    this.#runtime().clock.nextTurn(() => {
      this.#scheduled = false;
      const batch: QueuedDraft[] = [];
      this.#take(batch, ({ conversationId }) => !this.#busy.has(conversationId));
      if (batch.length === 0) return;
      void this.#commit(batch);
      this.#schedule();
    });
  }

  async #commit(batch: QueuedDraft[]): Promise<void> {
    const conversations = new Set(batch.map(({ draft }) => draft.conversationId));
    for (const conversationId of conversations) this.#busy.add(conversationId);
    this.#underWay++;
    let isOver = false;
    const join = (): void => {
      // A server that was given up may still answer what it was asked.
      if (isOver) return;
      this.#take(batch, (draft) => conversations.has(draft.conversationId) && isPlain(draft));
    };
    try {
      await this.#store(batch, join);
      for (const { call } of batch) call.settle();
    } catch (error) {
      this.#failed(batch, error);
    }
    isOver = true;
    this.#underWay--;
    for (const conversationId of conversations) this.#busy.delete(conversationId);
    this.#schedule();
    if (this.#isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #failed(batch: readonly QueuedDraft[], thrown: unknown): void {
    const error = isChatError(thrown)
      ? thrown
      : new ChatError("internal", "Storing this failed.", { cause: thrown });
    if (error.code !== "store_unavailable" && batch.length > 1) {
      // What an engine can't keep stands in names and the like more often than in messages.
      const special = batch.filter(({ draft }) => !isPlain(draft));
      const suspects = special.length > 0 ? special : batch;
      for (const queued of suspects) queued.alone = true;
      this.#waiting.unshift(...batch);
      return;
    }
    refuse(batch, error);
    // What waits would meet the same; who sent it tries again, later and later.
    if (this.#isAway()) refuse(this.#waiting.splice(0), error);
  }

  /** Moves what comes next of each conversation from those that wait to a batch, as far as it may be there and fits. */
  #take(batch: QueuedDraft[], mayBeThere: (draft: Draft) => boolean): void {
    const left: QueuedDraft[] = [];
    const passed = new Set<string>();
    let load = batch.reduce((sum, { draft }) => sum + loadOf(draft), 0);
    for (const queued of this.#waiting) {
      const { draft } = queued;
      const isFull = batch.length >= DRAFTS_PER_COMMIT || load >= LOAD_PER_COMMIT;
      const mustWait = batch.length > 0 && (isFull || isAlone(batch[0]!) || isAlone(queued));
      if (mustWait || passed.has(draft.conversationId) || !mayBeThere(draft)) {
        passed.add(draft.conversationId);
        left.push(queued);
        continue;
      }
      batch.push(queued);
      load += loadOf(draft);
    }
    this.#waiting = left;
  }
}

/** A redaction looks at what is stored; so what came before it is stored first. */
function isAlone({ alone, draft }: QueuedDraft): boolean {
  return alone || draft.redaction !== undefined;
}

/** It asks for no more of its conversation than any message does. */
function isPlain({ membership, update }: Draft): boolean {
  return membership === undefined && update === undefined;
}

function refuse(drafts: readonly QueuedDraft[], error: ChatError): void {
  for (const { call, index } of drafts) call.refuse(index, error);
}
