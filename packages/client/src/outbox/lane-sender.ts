import { ChatError, tombstoneOf } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import { backoff } from "../runtime/backoff.js";
import { defined } from "../runtime/defined.js";
import { toChatError } from "../runtime/to-chat-error.js";
import { contentOf, type Lane, type Slot } from "./lane.js";
import type { OutboxEnvironment } from "./outbox-environment.js";

/** Sends what waits in lanes: in order, several at once, and again from the first on after a failure that may pass. */
export interface LaneSender {
  /** Nothing is sent while this is false. */
  online: boolean;
  /** Sends what may be sent now. */
  pump(lane: Lane): void;
  /** Something of the lane was answered or taken out: goes on, or waits until it may. */
  settle(lane: Lane): void;
}

/**
 * @param senderId the user
 * @param touched a message of the conversation changed
 */
export function createLaneSender(
  { runtime, ask, commit, acknowledged, stuck }: OutboxEnvironment,
  senderId: string,
  touched: (conversationId: string) => void,
): LaneSender {
  let tickets = 0;

  /** Sends what may be sent now. */
  function pump(lane: Lane): void {
    if (!sender.online || lane.stalled) return;
    let inFlight = lane.slots.filter(({ state }) => state === "sent").length;
    for (const slot of lane.slots) {
      // What is not durable yet holds up what is behind it, or else the order would depend on the storage.
      if (slot.state === "saving" || inFlight >= CLIENT_LIMITS.sendWindow) return;
      if (slot.state === "waiting" && !slot.item.failure) void transmit(lane, slot, inFlight++ === 0);
    }
  }

  async function transmit(lane: Lane, slot: Slot, first: boolean): Promise<void> {
    const { clientMessageId, conversationId } = slot.item;
    const content = contentOf(slot.item);
    const ticket = (slot.ticket = ++tickets);
    slot.state = "sent";
    try {
      const { messageId, createdAt, ordinal, fingerprint, rewritten, redacted } = await ask(
        {
          type: "send-message",
          conversationId,
          clientMessageId,
          ...content,
          first: first || undefined,
        },
        { mode: "once" },
      );
      if (slot.ticket !== ticket) return;
      slot.state = "stored";
      lane.attempt = 0;
      const entry = defined({
        ...{ messageId, senderId, createdAt, ordinal, fingerprint, clientMessageId, ...content },
        ...(rewritten && { text: rewritten.text, data: rewritten.data, mentions: rewritten.mentions }),
      });
      slot.entry = redacted ? tombstoneOf(entry) : entry;
      acknowledged(slot.entry, conversationId);
    } catch (error) {
      // Answered by its entry meanwhile, or sent again over another connection.
      if (slot.ticket !== ticket) return;
      slot.state = "waiting";
      const { code, message, retryable, retryAfter } = toChatError(error);
      if (!retryable && code !== "closed") {
        lane.attempt = 0;
        fail(slot, new ChatError(code, message));
      } else {
        lane.stalled = true;
        // Perhaps it is still under way: only over a new connection is it known to be the first.
        if (code === "timeout") stuck();
        if (code !== "out_of_order") lane.wait ??= retryAfter;
      }
    }
    settle(lane);
  }

  function settle(lane: Lane): void {
    if (!lane.stalled) return pump(lane);
    if (!sender.online || lane.slots.some(({ state }) => state === "sent")) return;
    lane.cancel();
    const delay = Math.min(lane.wait ?? backoff(runtime.random, lane.attempt++), CLIENT_LIMITS.longestWait);
    lane.cancel = runtime.clock.schedule(delay, () => {
      lane.stalled = false;
      pump(lane);
    });
    lane.wait = undefined;
  }

  function fail(slot: Slot, error: ChatError): void {
    const { code, message } = error;
    slot.item = { ...slot.item, failure: { code, message } };
    touched(slot.item.conversationId);
    void commit({ putOutbox: [slot.item] }, "strict");
    slot.reject(error);
  }

  const sender: LaneSender = { online: false, pump, settle };
  return sender;
}
