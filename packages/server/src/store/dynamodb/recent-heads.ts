import type { Head } from "../message-store.js";

/** Conversations whose head is remembered. */
const REMEMBERED = 10_000;

/**
 * The heads of the conversations that were appended to last, as this server has left them: an append needs no read before it. One that
 * is out of date is found out by the append's own condition, whose answer brings the present one.
 */
export class RecentHeads {
  readonly #heads = new Map<string, Head>();

  get(conversationId: string): Head | undefined {
    return this.#heads.get(conversationId);
  }

  set(conversationId: string, head: Head): void {
    this.#heads.delete(conversationId);
    this.#heads.set(conversationId, head);
    if (this.#heads.size <= REMEMBERED) return;
    const [oldest] = this.#heads.keys();
    this.#heads.delete(oldest!);
  }

  forget(conversationId: string): void {
    this.#heads.delete(conversationId);
  }
}
