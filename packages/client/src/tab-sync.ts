import {
  type ChatError,
  type ClientFrame,
  DEFAULT_PRIVACY,
  LIMITS,
  type ServerFrame,
  type UserPrivacy,
} from "@chat/protocol";
import type { CacheChanges, CacheSnapshot, OutboxItem } from "./cache/cache.js";
import type { Request, Requests } from "./connection/requests.js";
import type { Outbox } from "./outbox/outbox.js";
import type { CacheWriter } from "./sync/cache-writer.js";
import type { GapFiller } from "./sync/gap-filler.js";
import type { ListSync } from "./sync/list-sync.js";
import type { Receipts } from "./sync/receipts.js";
import type { Replicas } from "./sync/replicas.js";
import type { Device, TabRequest } from "./tabs/device.js";
import type { Users } from "./users/user-directory.js";

/** What the tabs' common state needs of its surroundings. */
export interface TabSyncEnvironment {
  readonly device: Device;
  readonly requests: Requests;
  readonly writer: CacheWriter;
  readonly replicas: Replicas;
  readonly filler: Pick<GapFiller, "fill">;
  readonly outbox: Outbox;
  readonly listSync: Pick<ListSync, "load" | "row">;
  readonly users: Pick<Users<object>, "load" | "take" | "reset">;
  readonly receipts: Receipts;
  /** Takes what the user tells others. @param force it is no older than what is known, whatever its version */
  privacy(privacy: UserPrivacy, force?: boolean): void;
}

/** Keeps the tabs of a device alike: what is done here for others, and what is taken over from the one that leads. */
export interface TabSync {
  /** Takes what the device holds, in place of what was in memory. */
  load(snapshot: CacheSnapshot): void;
  /** As a follower: takes what the leading tab has committed. */
  mirror(changes: CacheChanges): void;
  /** As a follower: sends a request by way of the leading tab. */
  relay(frame: ClientFrame): void;
  /** As the leader: does what another tab asks for. */
  answer(request: Exclude<TabRequest, { type: "online" | "typing" }>): Promise<unknown>;
}

export function createTabSync(environment: TabSyncEnvironment): TabSync {
  const { device, requests, writer, replicas, filler, outbox, listSync, users, receipts } = environment;

  /** Asks on behalf of another tab. What the answer says is held here, and was told, before that tab has it. */
  async function askFor(request: Request): Promise<ServerFrame> {
    const replica = request.type === "get-range" ? replicas.get(request.conversationId) : undefined;
    const joinedAt = replica?.row.joinedAt;
    const answer: ServerFrame = await requests.ask(request, { mode: "session" });
    // Read in an earlier membership, it may lack what the user may see since.
    if (replica?.row.joinedAt !== joinedAt) return askFor(request);
    if (answer.type === "conversation") listSync.row(answer.row);
    else if (answer.type === "receipts") for (const receipt of answer.receipts) replicas.ownReceipt(receipt);
    else if (answer.type === "privacy") environment.privacy(answer.privacy);
    else if (answer.type === "users") users.take(answer.profiles);
    else if (answer.type === "range" && replica?.trust === "sure") replicas.apply(replica, answer);
    await writer.idle();
    return answer;
  }

  /** Another tab has taken a message out of the outbox, and did not live to tell: it is stored, or was discarded. */
  async function settleUntold({ conversationId, clientMessageId }: OutboxItem): Promise<void> {
    const query = { after: 0, before: Infinity, limit: LIMITS.rangeEntries, order: "descending" } as const;
    outbox.settle(await writer.read(conversationId, query));
    outbox.mirror({ removeOutbox: [clientMessageId] });
  }

  return {
    load({ meta, conversations, outbox: items, users: profiles }) {
      replicas.load(conversations);
      users.load(profiles);
      listSync.load(meta);
      environment.privacy(meta.privacy ?? DEFAULT_PRIVACY, true);
      for (const item of outbox.load(items)) void settleUntold(item);
    },

    mirror(changes) {
      const { reset, meta = {}, users: profiles = [] } = changes;
      if (reset) users.reset();
      replicas.mirror(changes);
      outbox.mirror(changes);
      users.take(profiles, "kept");
      if (meta.privacy) environment.privacy(meta.privacy, true);
      if (reset || meta.cursor) listSync.load(meta);
    },

    relay({ requestId, ...request }) {
      device.ask({ type: "ask", request: request as Request }).then(
        (answer) => requests.answer(requestId, answer as ServerFrame),
        (error: ChatError) => requests.answer(requestId, error),
      );
    },

    async answer(request) {
      switch (request.type) {
        case "load":
          return writer.load();
        case "read":
          return writer.read(request.conversationId, request.query);
        case "commit":
          await writer.commit(request.changes, "strict");
          return outbox.mirror(request.changes);
        case "ask":
          return askFor(request.request);
        case "mark": {
          const { conversationId, read, unread } = request;
          const replica = replicas.get(conversationId);
          if (!replica) return;
          return unread ? receipts.markUnread(replica, unread) : receipts.markRead(replica, read);
        }
        case "fill": {
          const replica = replicas.get(request.conversationId);
          if (replica) await filler.fill(replica);
        }
      }
    },
  };
}
