import assert from "node:assert/strict";
import type { PushStore, PushSubscription } from "../../store/push-store.js";
import type { Case } from "./case.js";
import { uuid } from "../store-world.js";

const LIMIT = 3;

function subscription(userId: string, overrides: Partial<PushSubscription> = {}): PushSubscription {
  const deviceId = uuid();
  return {
    ...{ userId, deviceId, provider: "web-push", address: `web-push:${deviceId}` },
    target: { endpoint: `https://push.example/${deviceId}`, keys: { auth: "é😀" } },
    ...overrides,
  };
}

const byDevice = (all: readonly PushSubscription[]): readonly PushSubscription[] =>
  [...all].sort((left, right) => (left.deviceId < right.deviceId ? -1 : 1));

/** All pages of an audience, two subscriptions each. */
async function audience(
  pushes: PushStore,
  conversationId: string,
  messageId: number,
  userId?: string,
): Promise<string[]> {
  const found: string[] = [];
  let page: string | undefined;
  do {
    const query = { messageId, limit: 2, ...(page !== undefined && { page }) };
    const answer = await pushes.audience(conversationId, {
      ...query,
      ...(userId !== undefined && { userId }),
    });
    assert.ok(answer.items.length <= 2);
    found.push(...answer.items.map(({ address }) => address));
    page = answer.next;
  } while (page !== undefined);
  return found;
}

/** Where pushes go, and who sends them. */
export function pushCases(prove: Case): void {
  prove("keeps one subscription a device, as it was given", async (world) => {
    const other = await world.open();
    const { pushes } = world.store;
    const [phone, laptop] = [subscription("ana"), subscription("ana")];
    assert.equal(await pushes.subscribe(phone, LIMIT), true);
    assert.equal(await other.pushes.subscribe(laptop, LIMIT), true);
    assert.equal(await pushes.subscribe(phone, LIMIT), true);
    assert.deepEqual(await other.pushes.subscriptions("ana"), await pushes.subscriptions("ana"));
    assert.deepEqual(byDevice(await pushes.subscriptions("ana")), byDevice([phone, laptop]));
    const renewed = { ...phone, address: "web-push:elsewhere", target: { endpoint: "elsewhere" } };
    await pushes.subscribe(renewed, LIMIT);
    assert.deepEqual(byDevice(await pushes.subscriptions("ana")), byDevice([renewed, laptop]));
    assert.deepEqual(await pushes.subscriptions("bo"), []);
  });

  prove("gives an address to whoever subscribed last", async (world) => {
    const { pushes } = world.store;
    const before = subscription("ana");
    const after = subscription("bo", { address: before.address });
    await pushes.subscribe(before, LIMIT);
    await pushes.subscribe(after, LIMIT);
    assert.deepEqual(await pushes.subscriptions("ana"), []);
    assert.deepEqual(await pushes.subscriptions("bo"), [after]);
  });

  prove("keeps no more than the limit for a user", async (world) => {
    const { pushes } = world.store;
    const first = subscription("ana");
    await pushes.subscribe(first, LIMIT);
    await pushes.subscribe(subscription("ana"), LIMIT);
    await pushes.subscribe(subscription("ana"), LIMIT);
    const refused = subscription("ana");
    assert.equal(await pushes.subscribe(refused, LIMIT), false);
    assert.equal((await pushes.subscriptions("ana")).length, LIMIT);
    // Not those that are there, nor another user.
    assert.equal(await pushes.subscribe({ ...first, address: "web-push:new" }, LIMIT), true);
    assert.equal(await pushes.subscribe(subscription("bo"), LIMIT), true);
  });

  prove("removes what is named, and only that", async (world) => {
    const { pushes } = world.store;
    const [phone, laptop, others] = [subscription("ana"), subscription("ana"), subscription("bo")];
    for (const one of [phone, laptop, others]) await pushes.subscribe(one, LIMIT);
    const { userId, deviceId, address } = phone;
    await pushes.unsubscribe({ userId, deviceId, address: "web-push:older" });
    assert.equal((await pushes.subscriptions("ana")).length, 2);
    await pushes.unsubscribe({ userId, deviceId, address });
    await pushes.unsubscribe({ userId: "bo", deviceId: laptop.deviceId });
    assert.deepEqual(await pushes.subscriptions("ana"), [laptop]);
    await pushes.unsubscribe({ userId, deviceId: laptop.deviceId });
    assert.deepEqual(await pushes.subscriptions("ana"), []);
    for (const one of [phone, laptop]) await pushes.subscribe(one, LIMIT);
    await pushes.forget("ana");
    assert.deepEqual(await pushes.subscriptions("ana"), []);
    assert.deepEqual(await pushes.subscriptions("bo"), [others]);
  });

  prove("finds the devices of those members who have not got a message", async (world) => {
    const { conversations, pushes } = world.store;
    await world.group("room", ["ana", "bo", "cy", "di", "eve"]);
    await world.group("other", ["ana", "zoe"]);
    await world.leave("room", "eve");
    const all = new Map<string, string[]>();
    for (const userId of ["ana", "bo", "bo", "bo", "cy", "eve", "zoe"]) {
      const one = subscription(userId);
      await pushes.subscribe(one, LIMIT);
      all.set(userId, [...(all.get(userId) ?? []), one.address].sort());
    }
    const { messageId } = await world.say("room", "ana");
    // Its sender has it; `di` has nowhere to be told; `eve` is no member any more.
    const waiting = [...all.get("bo")!, ...all.get("cy")!];
    assert.deepEqual(await audience(pushes, "room", messageId), waiting);
    assert.deepEqual(await audience(pushes, "room", messageId, "bo"), all.get("bo"));
    assert.deepEqual(await audience(pushes, "room", messageId, "di"), []);
    await conversations.advanceReceipts([{ conversationId: "room", userId: "bo", delivered: messageId }]);
    assert.deepEqual(await audience(pushes, "room", messageId), all.get("cy"));
    const next = await world.say("room", "cy");
    assert.deepEqual(await audience(pushes, "room", next.messageId), [...all.get("ana")!, ...all.get("bo")!]);
    assert.deepEqual(await audience(pushes, "nowhere", 1), []);
  });

  prove("lets one lead, until it gives that back", async (world) => {
    const other = await world.open();
    const { pushes } = world.store;
    const lead = (store: PushStore, owner: string, duration = 60_000) => store.lead({ owner, duration });
    assert.deepEqual(await lead(pushes, "one"), {});
    assert.equal(await lead(other.pushes, "two"), undefined);
    await pushes.advance({ owner: "one", cursor: "a" });
    await other.pushes.advance({ owner: "two", cursor: "b" });
    assert.deepEqual(await lead(pushes, "one"), { cursor: "a" });
    await lead(pushes, "one", 0);
    assert.deepEqual(await lead(other.pushes, "two"), { cursor: "a" });
    assert.equal(await lead(pushes, "one"), undefined);
    await pushes.advance({ owner: "one", cursor: "c" });
    await other.pushes.advance({ owner: "two", cursor: "d" });
    assert.deepEqual(await lead(pushes, "two"), { cursor: "d" });
  });

  prove("lets another one lead once the lease has run out", async (world) => {
    const other = await world.open();
    await world.store.pushes.lead({ owner: "one", duration: 20 });
    let lead;
    while (lead === undefined) lead = await other.pushes.lead({ owner: "two", duration: 60_000 });
    assert.equal(await world.store.pushes.lead({ owner: "one", duration: 60_000 }), undefined);
  });
}
