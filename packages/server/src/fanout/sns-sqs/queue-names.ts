import { createHash } from "node:crypto";
import { relayIdOf } from "../relayed.js";

/** A queue's name holds up to 80 of few characters; a server's id may hold more. */
const HASH_LENGTH = 32;

/** `PREFIX-HASH-RANDOM`: whose a queue is can be told from its name. */
export class QueueNames {
  /** What all of them begin with. */
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = `${prefix}-`;
  }

  /** A name for a queue of a server that no other ever has. */
  nameFor(serverId: string, uuid: string): string {
    return `${this.prefix}${hashOf(serverId)}-${uuid.slice(0, 8)}`;
  }

  /** Of the names of queues those that are of this chat and of none of these servers. */
  ofOthers(names: readonly string[], serverIds: readonly string[]): string[] {
    const live = new Set(serverIds.flatMap((id) => [hashOf(id), hashOf(relayIdOf(id))]));
    return names.filter((name) => {
      const hash = this.#hashIn(name);
      return hash !== undefined && !live.has(hash);
    });
  }

  /** True if a name is one that a server's queue may have. */
  isOf(serverId: string, name: string): boolean {
    return this.#hashIn(name) === hashOf(serverId);
  }

  #hashIn(name: string): string | undefined {
    if (!name.startsWith(this.prefix)) return undefined;
    return /^([0-9a-f]{32})-[0-9a-f]{8}$/.exec(name.slice(this.prefix.length))?.[1];
  }
}

function hashOf(serverId: string): string {
  return createHash("sha256").update(serverId).digest("hex").slice(0, HASH_LENGTH);
}
