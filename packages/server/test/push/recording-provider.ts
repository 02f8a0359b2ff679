import type { JsonObject } from "@chat/protocol";
import type { Push, PushOutcome, PushProvider } from "../../src/index.js";

/** A provider that an application might write, over a service in memory. */
export class RecordingProvider implements PushProvider {
  readonly name = "memory";
  readonly publicKey = "public";
  readonly sent: Push[] = [];
  /** What the service answers. */
  answer: (push: Push, signal: AbortSignal) => PushOutcome | Promise<PushOutcome> = () => ({
    status: "sent",
  });

  accept(target: JsonObject): { readonly address: string; readonly target: JsonObject } {
    return { address: target["token"] as string, target };
  }

  async send(push: Push, signal: AbortSignal): Promise<PushOutcome> {
    this.sent.push(push);
    return this.answer(push, signal);
  }

  /** Whom it went to, and what it says of how much is unread. */
  get told(): string[] {
    return this.sent.map(({ target, payload }) => {
      const { text, unread } = payload as { readonly text?: string; readonly unread?: number };
      return `${target["token"] as string}: ${text} (${unread})`;
    });
  }
}
