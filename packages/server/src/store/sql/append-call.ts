import { ChatError } from "@chat/protocol";
import type { AppendOutcome, Draft } from "../message-store.js";

/** One call of `append`: its drafts may be spread over several commits, and tried more than once. */
export class AppendCall {
  readonly #drafts: readonly Draft[];
  readonly #outcomes: AppendOutcome[] = [];
  /** Per device and conversation, the first draft that was refused with a retryable error. */
  readonly #firstFailure = new Map<string, number>();
  readonly #resolve: (outcomes: readonly AppendOutcome[]) => void;
  #left: number;

  constructor(drafts: readonly Draft[], resolve: (outcomes: readonly AppendOutcome[]) => void) {
    this.#drafts = drafts;
    this.#left = drafts.length;
    this.#resolve = resolve;
  }

  /** The refusal of a draft that has a failed one of the same device before it. */
  refusalBehindAnother(index: number): ChatError | undefined {
    const failed = this.#firstFailure.get(streamOf(this.#drafts[index]!));
    if (failed === undefined || failed >= index) return undefined;
    return new ChatError(
      "out_of_order",
      "A message before this one failed; send all of them again, in order.",
    );
  }

  /** Notes what becomes of a draft, unless its transaction is rolled back and it is tried again. */
  note(index: number, outcome: AppendOutcome): void {
    const stream = streamOf(this.#drafts[index]!);
    const failed = this.#firstFailure.get(stream);
    // What was noted for this draft or later ones belongs to a try that was rolled back.
    if (failed !== undefined && failed >= index) this.#firstFailure.delete(stream);
    if (outcome.status === "refused" && outcome.error.retryable && !this.#firstFailure.has(stream)) {
      this.#firstFailure.set(stream, index);
    }
    this.#outcomes[index] = outcome;
  }

  /** What was noted for one draft is final. */
  settle(): void {
    if (--this.#left === 0) this.#resolve(this.#outcomes);
  }

  /** Refuses one draft for good. */
  refuse(index: number, error: ChatError): void {
    this.note(index, { status: "refused", error: this.refusalBehindAnother(index) ?? error });
    this.settle();
  }
}

function streamOf({ conversationId, senderId, deviceId }: Draft): string {
  // No id holds a control character.
  return `${conversationId}\0${senderId}\0${deviceId}`;
}
