import type { HeadMovedFrame, Runtime } from "@chat/protocol";
import type { GapFiller } from "./gap-filler.js";
import { isFollowed } from "./replica.js";
import type { Replicas } from "./replicas.js";

/** What news needs of its surroundings. */
export interface NewsEnvironment {
  readonly runtime: Pick<Runtime, "clock" | "random">;
  readonly replicas: Pick<Replicas, "get">;
  readonly filler: Pick<GapFiller, "fill">;
  /** Asks for a row. */
  refresh(conversationId: string): unknown;
}

/** Fetches what a large group's server does not push: at once what is on the screen, the rest when its turn comes. */
export interface News {
  heard(frame: HeadMovedFrame): void;
  /** The connection is gone: the next one tells everything. */
  reset(): void;
}

export function createNews({ runtime, replicas, filler, refresh }: NewsEnvironment): News {
  /** The heads of conversations that wait for their turn. */
  let waiting = new Map<string, number>();

  function pull(conversationId: string, head: number): void {
    const replica = replicas.get(conversationId);
    if (replica?.known && isFollowed(replica)) void filler.fill(replica, head);
    else if (!replica?.known || replica.row.head < head) refresh(conversationId);
  }

  return {
    heard({ conversationId, head, spread }) {
      if (replicas.get(conversationId)?.view) return pull(conversationId, head);
      const turns = waiting;
      const isDue = turns.has(conversationId);
      turns.set(conversationId, Math.max(head, turns.get(conversationId) ?? 0));
      if (isDue) return;
      runtime.clock.schedule(runtime.random.float() * spread, () => {
        if (turns !== waiting) return;
        const newest = turns.get(conversationId)!;
        turns.delete(conversationId);
        pull(conversationId, newest);
      });
    },
    reset() {
      waiting = new Map();
    },
  };
}
