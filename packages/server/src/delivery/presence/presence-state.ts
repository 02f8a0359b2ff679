import type { PresenceStatus } from "@chat/protocol";

/** A user's presence as it is, whoever may see it. */
export interface PresenceState {
  readonly status: PresenceStatus;
  /** Wall-clock ms at which the user did something last, as far as that is over; 0 if it is not known. */
  readonly lastActiveAt: number;
  readonly invisible: boolean;
}
