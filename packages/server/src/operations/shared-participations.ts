import type { Runtime } from "@chat/protocol";
import type { DeliveredTo } from "../delivery/deliverer.js";
import type { ConversationStore, Participation } from "../store/conversation-store.js";

/** What a member may see, and of what. */
export type Visibility = Pick<Participation, "intervals" | "head" | "firstId" | "lastRedaction">;

/** Authorizes the many who ask at about the same time for what is new in one conversation: by one read of the store in each turn. */
export class SharedParticipations {
  readonly #states = new Map<string, Promise<Participation | undefined>>();

  /** @param deliveredTo undefined unless many will ask, and the user is a member */
  constructor(
    private readonly clock: Runtime["clock"],
    private readonly conversations: Pick<ConversationStore, "participation">,
    private readonly deliveredTo: (userId: string, conversationId: string) => DeliveredTo | undefined,
  ) {}

  /**
   * What a user may see from an id on; undefined if the user's own participation must be read.
   * @throws ChatError `store_unavailable`
   */
  of(userId: string, conversationId: string, messageId: number): Promise<Visibility | undefined> | undefined {
    if (this.deliveredTo(userId, conversationId) === undefined) return undefined;
    return this.#stateOf(conversationId).then((state) => {
      const delivered = this.deliveredTo(userId, conversationId);
      // At the very head that the store tells, who is a member was derived from the same entries as there. Beyond, somebody may have been removed.
      if (state === undefined || delivered?.head !== state.head) return undefined;
      const { head, firstId, lastRedaction } = state;
      if (messageId < delivered.from || messageId > head) return undefined;
      return { intervals: [{ from: delivered.from, to: undefined }], head, firstId, lastRedaction };
    });
  }

  #stateOf(conversationId: string): Promise<Participation | undefined> {
    let state = this.#states.get(conversationId);
    if (state === undefined) {
      if (this.#states.size === 0) this.clock.nextTurn(() => this.#states.clear());
      state = this.conversations.participation(undefined, conversationId);
      this.#states.set(conversationId, state);
    }
    return state;
  }
}
