import type { SendMessageFrame } from "@chat/protocol";
import { MembershipCache } from "../operations/send-messages.js";
import type { AppendOutcome } from "../store/message-store.js";
import { Lane } from "./lane.js";

/** The lanes of one session, by conversation, and the membership versions that they have seen. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #memberships = new MembershipCache();

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

  push(message: SendMessageFrame): void {
    this.#laneOf(message.conversationId).push(message);
  }

  #laneOf(conversationId: string): Lane {
    let lane = this.#lanes.get(conversationId);
    if (lane === undefined) {
      if (this.#lanes.size >= MembershipCache.CONVERSATIONS) this.#dropIdle();
      lane = new Lane(
        this.limit,
        (messages) => this.send(conversationId, messages, this.#memberships),
        this.answer,
      );
      this.#lanes.set(conversationId, lane);
    }
    return lane;
  }

  #dropIdle(): void {
    for (const [conversationId, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(conversationId);
  }
}
