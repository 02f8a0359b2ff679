import { ChatError, type Runtime } from "@chat/protocol";

/** ms between two log lines: while a store is away every request fails. */
const LOG_EVERY = 1_000;

/**
 * What a store says of its failures is for the operator: it names engines, roles and tables, and quotes drivers, which know accounts and
 * addresses. Devices are told a sentence that is always the same.
 */
export class StoreFailures {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  #loggedAt = -Infinity;

  constructor(runtime: Pick<Runtime, "clock" | "log">) {
    this.#runtime = runtime;
  }

  /** What a device is told of an error; what it is not told is logged. */
  told(error: ChatError): ChatError {
    const { code, message, retryable, retryAfter } = error;
    if (code !== "store_unavailable") return error;
    const { clock, log } = this.#runtime;
    const now = clock.monotonic();
    if (now - this.#loggedAt >= LOG_EVERY) {
      this.#loggedAt = now;
      log("warn", "store_unavailable", { reason: message });
    }
    return new ChatError("store_unavailable", "The store does not answer; try again.", {
      retryable,
      ...(retryAfter !== undefined && { retryAfter }),
    });
  }
}
