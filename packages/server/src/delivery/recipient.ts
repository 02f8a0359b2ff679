/** What delivery needs of a session: somewhere to put the frames of one device. */
export interface Recipient {
  readonly userId: string;
  readonly deviceId: string;
  /** Queues the bytes of one frame, shared with other recipients and not to be changed. Never throws, never blocks. */
  deliver(frame: Uint8Array): void;
  /**
   * Queues the bytes of one frame, unless much is waiting for the device: what is of the moment gives way. Of a
   * conversation that is named then, the device is sent its row, once it has caught up.
   * @returns false if it gave way
   */
  offer(frame: Uint8Array, conversationId?: string): boolean;
  /** Closes the socket so that the device syncs anew: what it was told may no longer hold. */
  resync(): void;
}

/** A user with sessions on this server. */
export interface LocalRecipients {
  /** The sessions. Replaced when one comes or goes, and never changed: whoever goes through them may end one. */
  readonly recipients: readonly Recipient[];
}
