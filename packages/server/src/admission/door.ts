import { ChatError } from "@chat/protocol";
import type { ServerSettings } from "../settings.js";
import { addressKey } from "./address-key.js";

/** ms after which somebody who found the house full may knock again; devices add their own jitter to it. */
const COME_BACK_AFTER = 5_000;

/** A connection's place in the house, from its opening until its socket is gone. */
export interface Place {
  /** The connection has shown whose it is. @throws ChatError `rate_limited` if the user has too many */
  identify(userId: string): void;
  /** The socket is gone; harmless when repeated. */
  leave(): void;
}

/** Counts connections: in total, per address until they show whose they are, and per user from then on. */
export class Door {
  #inside = 0;
  readonly #unidentified = new Map<string, number>();
  readonly #users = new Map<string, number>();

  constructor(
    private readonly settings: Pick<
      ServerSettings,
      "connections" | "connectionsPerUser" | "unidentifiedPerAddress"
    >,
  ) {}

  /** Takes a place. @throws ChatError `overloaded` if there is none */
  enter(address: string | undefined): Place {
    const { connections, unidentifiedPerAddress } = this.settings;
    const key = address === undefined ? undefined : addressKey(address);
    if (this.#inside >= connections) throw full("This server has as many connections as it takes.");
    if (key !== undefined && (this.#unidentified.get(key) ?? 0) >= unidentifiedPerAddress) {
      throw full("Too many connections of this address have not said whose they are.");
    }
    this.#inside++;
    raise(this.#unidentified, key);
    return new TakenPlace(this, key);
  }

  /** @throws ChatError `rate_limited` if the user has too many connections */
  identify(userId: string, addressKey: string | undefined): void {
    if ((this.#users.get(userId) ?? 0) >= this.settings.connectionsPerUser) {
      throw new ChatError("rate_limited", "This user has too many connections; close another one.", {
        retryAfter: COME_BACK_AFTER,
      });
    }
    lower(this.#unidentified, addressKey);
    raise(this.#users, userId);
  }

  leave(userId: string | undefined, addressKey: string | undefined): void {
    this.#inside--;
    if (userId === undefined) lower(this.#unidentified, addressKey);
    else lower(this.#users, userId);
  }
}

/** There is one for each connection, so it keeps little. */
class TakenPlace implements Place {
  #user: string | undefined;
  #left = false;

  constructor(
    private readonly door: Door,
    private readonly addressKey: string | undefined,
  ) {}

  identify(userId: string): void {
    if (this.#left || this.#user !== undefined) return;
    this.door.identify(userId, this.addressKey);
    this.#user = userId;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.door.leave(this.#user, this.addressKey);
  }
}

function full(sentence: string): ChatError {
  return new ChatError("overloaded", sentence, { retryAfter: COME_BACK_AFTER });
}

function raise(counts: Map<string, number>, key: string | undefined): void {
  if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** A key that counts nothing is forgotten, so that the map is no larger than the house. */
function lower(counts: Map<string, number>, key: string | undefined): void {
  if (key === undefined) return;
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
}
