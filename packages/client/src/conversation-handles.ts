import type { Conversation, CustomData } from "./public-types.js";
import type { Notifier, Topic } from "./runtime/notifier.js";
import type { Replica } from "./sync/replica.js";

interface Handle<C extends CustomData> {
  readonly conversation: Conversation<C>;
  readonly summary: Topic;
  readonly timeline: Topic;
}

/** The application's handles of replicas, each made when somebody wants it, and whom they tell of changes. */
export interface ConversationHandles<C extends CustomData> {
  /** The same one for the same replica. */
  of(replica: Replica): Conversation<C>;
  /** The row or the log changed. */
  changed(replica: Replica): void;
  /** What a timeline shows beside the log changed; of all timelines, if none is named. */
  timelineChanged(conversationId?: string): void;
  summaryChanged(conversationId: string): void;
}

/**
 * @param make makes a handle, whose parts change with these topics
 * @param rowChanged what the list shows of some conversation changed
 */
export function createConversationHandles<C extends CustomData>(
  notifier: Notifier,
  make: (replica: Replica, timeline: Topic, summary: Topic) => Conversation<C>,
  rowChanged: () => void,
): ConversationHandles<C> {
  const handles = new Map<string, Handle<C>>();
  /** What was last told of each row. */
  const rows = new WeakMap<Replica, string>();
  return {
    of(replica) {
      let handle = handles.get(replica.id);
      if (handle === undefined) {
        const [timeline, summary] = [notifier.topic(), notifier.topic()];
        handle = { conversation: make(replica, timeline, summary), timeline, summary };
        handles.set(replica.id, handle);
      }
      return handle.conversation;
    },

    changed(replica) {
      const handle = handles.get(replica.id);
      handle?.timeline.changed();
      // How far others have come shows in the timeline only.
      const { version: _, delivered: __, receipts: ___, ...row } = replica.row;
      const shown = JSON.stringify(row);
      if (rows.get(replica) === shown) return;
      rows.set(replica, shown);
      handle?.summary.changed();
      rowChanged();
    },

    timelineChanged(conversationId) {
      if (conversationId) handles.get(conversationId)?.timeline.changed();
      else for (const { timeline } of handles.values()) timeline.changed();
    },
    summaryChanged: (conversationId) => handles.get(conversationId)?.summary.changed(),
  };
}
