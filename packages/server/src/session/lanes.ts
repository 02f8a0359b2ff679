import type { SendMessageFrame } from "@chat/protocol";
import { MembershipCache } from "../operations/send-messages.js";
import type { AppendOutcome } from "../store/message-store.js";
import { Lane } from "./lane.js";

/** Lanes' worth of messages that may wait in all of them together: however many conversations a device names, a store that is slow takes no more memory. */
const FULL_LANES = 4;
/** Lanes that are kept for what they may have to remember. */
const KEPT = MembershipCache.CONVERSATIONS;

/** The lanes of one session, by conversation, and the membership versions that they have seen. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #memberships = new MembershipCache();
  /** So many lanes are there when it is looked again which of them are needed. */
  #fullAt = KEPT;
  /** Messages that have no answer yet. */
  #unanswered = 0;
  /** A lane was forgotten in which something had failed. */
  #hasForgotten = false;

  /** As {@link Lane}'s constructor; `send` is given the conversation and its memberships too. */
  constructor(
    private readonly limit: number,
    private readonly send: (
      conversationId: string,
      messages: readonly SendMessageFrame[],
      memberships: MembershipCache,
    ) => Promise<readonly AppendOutcome[]>,
    private readonly answer: (message: SendMessageFrame, outcome: AppendOutcome) => void,
  ) {}

  /** Lanes that are kept. */
  get size(): number {
    return this.#lanes.size;
  }

  push(message: SendMessageFrame): void {
    const isFull = this.#unanswered++ >= FULL_LANES * this.limit;
    this.#laneOf(message.conversationId).push(message, isFull);
  }

  #laneOf(conversationId: string): Lane {
    let lane = this.#lanes.get(conversationId);
    if (lane === undefined) {
      if (this.#lanes.size >= this.#fullAt) this.#makeRoom();
      lane = new Lane(
        this.limit,
        (messages) => this.send(conversationId, messages, this.#memberships),
        (message, outcome) => {
          this.#unanswered--;
          this.answer(message, outcome);
        },
        // Perhaps it is one that was forgotten: a device that has heard of the failure says `first`, as one that begins does.
        this.#hasForgotten,
      );
      this.#lanes.set(conversationId, lane);
    }
    return lane;
  }

  /** Nobody can have the session remember conversation after conversation. */
  #makeRoom(): void {
    this.#drop((lane) => lane.isIdle);
    if (this.#lanes.size >= KEPT)
      this.#hasForgotten = this.#drop((lane) => !lane.isRunning) || this.#hasForgotten;
    this.#fullAt = Math.max(KEPT, 2 * this.#lanes.size);
  }

  /** True if there was any. */
  #drop(isDropped: (lane: Lane) => boolean): boolean {
    const before = this.#lanes.size;
    for (const [conversationId, lane] of this.#lanes) if (isDropped(lane)) this.#lanes.delete(conversationId);
    return this.#lanes.size < before;
  }
}
