/**
 * WebSocket close codes (RFC 6455 §7.4.2 leaves 4000–4999 to applications).
 * `terminal`: reconnecting with the same parameters can't help.
 */
export const CLOSE_CODES = {
  malformed: { code: 4400, terminal: false },
  unauthenticated: { code: 4401, terminal: false },
  helloTimeout: { code: 4408, terminal: false },
  tooLarge: { code: 4413, terminal: false },
  unsupportedVersion: { code: 4426, terminal: true },
  /** More frames or bytes than a connection may send in the time, or more connections than a user may have. */
  rateLimited: { code: 4420, terminal: false },
  /** The device did not take what was sent to it fast enough; it syncs after reconnecting. */
  slowConsumer: { code: 4429, terminal: false },
  /** Another connection of the same device took over. */
  replaced: { code: 4409, terminal: false },
  goingAway: { code: 4503, terminal: false },
  heartbeatMissed: { code: 4504, terminal: false },
  internal: { code: 4500, terminal: false },
} as const;

/** The name of a reason for which a socket is closed. */
export type CloseReason = keyof typeof CLOSE_CODES;
