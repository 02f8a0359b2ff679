import type { OutboxItem } from "../cache/cache.js";
import type { Ask } from "../connection/requests.js";
import type { CustomData } from "../public-types.js";
import type { CacheWriter } from "../sync/cache-writer.js";
import type { GapFiller } from "../sync/gap-filler.js";
import type { Replicas } from "../sync/replicas.js";
import type { LineOf } from "./create-lines.js";

/** What timelines need of their surroundings. */
export interface TimelineEnvironment<C extends CustomData> {
  readonly replicas: Replicas;
  readonly filler: Pick<GapFiller, "fill">;
  readonly writer: Pick<CacheWriter, "read">;
  readonly ask: Ask;
  readonly lineOf: LineOf<C>;
  /** What waits in the conversation; the same array until something changed. */
  outboxOf(conversationId: string): readonly OutboxItem[];
  isOnline(): boolean;
}
