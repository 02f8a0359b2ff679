import { ChatError } from "@chat/protocol";

/**
 * The bytes of bodies that have not come whole. Who sends them slowly has the server keep them for as long as Node lets a request take, and
 * rates count requests alone: so each has room for some.
 */
export class BodyRoom {
  readonly #taken = new Map<string, number>();

  /** @param bytes that may lie here of one key */
  constructor(private readonly bytes: number) {}

  /** They are given back with all others of the body, also when there was no room. @throws ChatError `overloaded` */
  take(key: string, bytes: number): void {
    const taken = (this.#taken.get(key) ?? 0) + bytes;
    this.#taken.set(key, taken);
    if (taken > this.bytes) {
      throw new ChatError("overloaded", "Too much of other requests is on its way; wait until it has come.");
    }
  }

  give(key: string, bytes: number): void {
    const taken = (this.#taken.get(key) ?? 0) - bytes;
    if (taken > 0) this.#taken.set(key, taken);
    else this.#taken.delete(key);
  }
}
