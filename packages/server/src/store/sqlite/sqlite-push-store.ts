import type { Page } from "../conversation-store.js";
import type { PushLead, PushStore, PushSubscription } from "../push-store.js";
import { pushPage, pushPlace, type RawPush, toSubscription } from "../sql/raw-push.js";
import type { ConversationStates } from "./conversation-states.js";
import type { GroupCommit } from "./group-commit.js";
import type { SqliteConnection } from "./sqlite-connection.js";

const COLUMNS = "s.user AS userId, s.device AS deviceId, s.provider, s.address, s.target";

/** The queries, by what they do. The tests look at their plans. */
export const PUSH_QUERIES = {
  otherPushes: "SELECT count(*) AS count FROM chat_push WHERE user = ? AND device <> ?",
  subscribePush: `INSERT INTO chat_push (address, user, device, provider, target) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (address) DO UPDATE
      SET user = excluded.user, device = excluded.device, provider = excluded.provider, target = excluded.target`,
  replacePush: "DELETE FROM chat_push WHERE user = ? AND device = ? AND address <> ?",
  unsubscribePush: "DELETE FROM chat_push WHERE user = ? AND device = ? AND address = coalesce(?, address)",
  forgetPushes: "DELETE FROM chat_push WHERE user = ?",
  pushes: `SELECT ${COLUMNS} FROM chat_push s WHERE s.user = ? ORDER BY s.address`,
  // From the conversation's members to their subscriptions and receipts.
  pushAudience: `SELECT ${COLUMNS} FROM (SELECT ? AS user, ? AS address) place
    CROSS JOIN chat_participation p
    CROSS JOIN chat_push s ON s.user = p.user
    CROSS JOIN chat_receipt r ON r.conversation = p.conversation AND r.user = p.user
    WHERE p.conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND p.left_at IS NULL
      AND r.delivered < ? AND p.user >= place.user AND p.user <= coalesce(?, p.user)
      AND (s.user, s.address) > (place.user, place.address)
    ORDER BY p.user, s.address LIMIT ?`,
  leadPush: `INSERT INTO chat_push_lead (id, owner, expires) VALUES (1, ?, ?)
    ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
      WHERE owner = excluded.owner OR expires <= ?`,
  pushLead: "SELECT owner, reached FROM chat_push_lead WHERE id = 1",
  advancePush: "UPDATE chat_push_lead SET reached = ? WHERE id = 1 AND owner = ?",
} as const;

/** Subscriptions and the lease of pushes on SQLite, see {@link PushStore}. Leases compare the wall clock, which the processes share. */
export class SqlitePushStore implements PushStore {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;

  constructor(connection: SqliteConnection, commits: GroupCommit<ConversationStates>) {
    this.#connection = connection;
    this.#commits = commits;
  }

  async subscribe(subscription: PushSubscription, limit: number): Promise<boolean> {
    const { userId, deviceId, provider, address, target } = subscription;
    return this.#commits.write(() => {
      const { count } = this.#get<{ count: number }>("otherPushes", userId, deviceId)!;
      if (count >= limit) return false;
      this.#run("subscribePush", address, userId, deviceId, provider, JSON.stringify(target));
      this.#run("replacePush", userId, deviceId, address);
      return true;
    });
  }

  async unsubscribe(device: {
    readonly userId: string;
    readonly deviceId: string;
    readonly address?: string;
  }): Promise<void> {
    const { userId, deviceId, address = null } = device;
    await this.#commits.write(() => this.#run("unsubscribePush", userId, deviceId, address));
  }

  async forget(userId: string): Promise<void> {
    await this.#commits.write(() => this.#run("forgetPushes", userId));
  }

  async subscriptions(userId: string): Promise<readonly PushSubscription[]> {
    return this.#connection.run(() => this.#all("pushes", userId).map(toSubscription));
  }

  async audience(
    conversationId: string,
    query: Parameters<PushStore["audience"]>[1],
  ): Promise<Page<PushSubscription>> {
    const { messageId, userId, limit, page } = query;
    const place = pushPlace(page, userId);
    return this.#connection.run(() =>
      pushPage(
        this.#all("pushAudience", ...place, conversationId, messageId, userId ?? null, limit + 1),
        limit,
      ),
    );
  }

  async lead(lead: { readonly owner: string; readonly duration: number }): Promise<PushLead | undefined> {
    return this.#commits.write(() => {
      const now = this.#connection.runtime.clock.now();
      this.#run("leadPush", lead.owner, now + lead.duration, now);
      const { owner, reached } = this.#get<{ owner: string; reached: string | null }>("pushLead")!;
      if (owner !== lead.owner) return undefined;
      return reached === null ? {} : { cursor: reached };
    });
  }

  async advance({ owner, cursor }: { readonly owner: string; readonly cursor: string }): Promise<void> {
    await this.#commits.write(() => this.#run("advancePush", cursor, owner));
  }

  #get<T>(query: keyof typeof PUSH_QUERIES, ...parameters: (string | number)[]): T | undefined {
    return this.#connection.prepare(PUSH_QUERIES[query]).get(...parameters) as T | undefined;
  }

  #all(query: keyof typeof PUSH_QUERIES, ...parameters: (string | number | null)[]): RawPush[] {
    return this.#connection.prepare(PUSH_QUERIES[query]).all(...parameters) as RawPush[];
  }

  #run(query: keyof typeof PUSH_QUERIES, ...parameters: (string | number | null)[]): void {
    this.#connection.prepare(PUSH_QUERIES[query]).run(...parameters);
  }
}
