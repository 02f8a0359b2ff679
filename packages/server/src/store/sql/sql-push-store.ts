import type { Page } from "../conversation-store.js";
import type { PushLead, PushStore, PushSubscription } from "../push-store.js";
import { pushPage, pushPlace, type RawPush, toSubscription } from "./raw-push.js";
import type { SqlEngine } from "./sql-engine.js";

/** Subscriptions and the lease of pushes on a SQL server, see {@link PushStore}. */
export class SqlPushStore implements PushStore {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  subscribe(subscription: PushSubscription, limit: number): Promise<boolean> {
    const { userId, deviceId, provider, address, target } = subscription;
    return this.#engine.transact(async (transaction) => {
      const others = await transaction.all("otherPushes", [userId, deviceId, limit]);
      if (others.length >= limit) return false;
      const json = JSON.stringify(target);
      await transaction.all("subscribePush", [address, userId, deviceId, provider, json]);
      await transaction.all("replacePush", [userId, deviceId, address]);
      return true;
    });
  }

  async unsubscribe(device: {
    readonly userId: string;
    readonly deviceId: string;
    readonly address?: string;
  }): Promise<void> {
    const { userId, deviceId, address = null } = device;
    await this.#engine.read("unsubscribePush", [userId, deviceId, address]);
  }

  async forget(userId: string): Promise<void> {
    await this.#engine.read("forgetPushes", [userId]);
  }

  async subscriptions(userId: string): Promise<readonly PushSubscription[]> {
    return (await this.#engine.read<RawPush>("pushes", [userId])).map(toSubscription);
  }

  async audience(
    conversationId: string,
    query: Parameters<PushStore["audience"]>[1],
  ): Promise<Page<PushSubscription>> {
    const { messageId, userId, limit, page } = query;
    const place = pushPlace(page, userId);
    const values = [conversationId, messageId, ...place, userId ?? null, limit + 1];
    return pushPage(await this.#engine.read<RawPush>("pushAudience", values), limit);
  }

  lead({
    owner,
    duration,
  }: {
    readonly owner: string;
    readonly duration: number;
  }): Promise<PushLead | undefined> {
    return this.#engine.transact(async (transaction) => {
      await transaction.all("leadPush", [owner, duration]);
      const [now] = await transaction.all<{ readonly owner: string; readonly reached: string | null }>(
        "pushLead",
        [],
      );
      if (now?.owner !== owner) return undefined;
      return now.reached === null ? {} : { cursor: now.reached };
    });
  }

  async advance({ owner, cursor }: { readonly owner: string; readonly cursor: string }): Promise<void> {
    await this.#engine.read("advancePush", [owner, cursor]);
  }
}
