import type { Cancel } from "@chat/protocol";

/** Bytes of one envelope at the most; a larger message is sent as a mere hint, and the receivers read the store. */
export const ENVELOPE_BYTES = 131_072;
/** Envelopes that may wait for one server; what comes beyond is lost, and read from the store instead. */
export const QUEUE_ENVELOPES = 10_000;
/** Bytes that may wait for one server. */
export const QUEUE_BYTES = 16_777_216;

/**
 * How servers tell each other that something happened. Only a hint: it may lose, double, delay and reorder,
 * and what it carries is checked against the log's ids by the receiver.
 */
export interface Fanout {
  /**
   * Sends an envelope to each of these servers. Returns at once; never blocks on a slow server, never throws,
   * and bounds what waits. The bytes are not changed afterwards. Once closed it does nothing.
   */
  publish(serverIds: readonly string[], envelope: Uint8Array): void;

  /**
   * Receives what is sent to this server, until cancelled; then no more, also not what waited. Resolves when the subscription holds. The handler
   * may keep the bytes.
   * @param serverId any text: the application chooses it
   * @throws ChatError `store_unavailable` if it can't be had in time, `closed` after {@link close}
   */
  subscribe(serverId: string, handler: (envelope: Uint8Array) => void): Promise<Cancel>;

  /** Lets go of what this fan-out itself opened; handlers are called no more. Harmless when repeated. */
  close(): Promise<void>;
}
