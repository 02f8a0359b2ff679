import assert from "node:assert/strict";
import { isUuid, systemRuntime } from "@chat/protocol";
import type { Case } from "./case.js";
import { assertRefused, GROUP_MEMBERS, numbers, statuses } from "../store-world.js";

/** The contract of {@link ChatStore} itself. */
export function storeLifeCases(prove: Case): void {
  prove("gives every store on the engine the same epoch", async (world) => {
    const options = { runtime: systemRuntime(), groupMembers: GROUP_MEMBERS };
    const stores = await Promise.all([world.engine.store(), world.engine.store(), world.engine.store()]);
    const infos = await Promise.all(stores.map((store) => store.open(options)));
    assert.ok(isUuid(infos[0]!.epoch));
    assert.deepEqual(new Set(infos.map(({ epoch }) => epoch)).size, 1);
    for (const store of stores) await store.close();
  });

  prove("answers nothing before it is open", async (world) => {
    const store = await world.engine.store();
    await assertRefused(store.conversations.position(), "store_unavailable");
    assert.deepEqual(statuses(await store.messages.append([world.draft("c", "ana")])), [
      "refused store_unavailable",
    ]);
    await store.close();
  });

  prove("keeps what it acknowledged for whoever opens it next", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const entry = await world.say("c", "ana");
    await world.store.conversations.setUser({ userId: "ana", name: "Ana" });
    const row = await world.row("ana", "c");
    const { cursor } = await world.list("ana");
    await world.store.close();
    const next = await world.open();
    assert.deepEqual((await world.log("c", next))[1], entry);
    assert.deepEqual(await next.conversations.row("ana", "c"), row);
    assert.equal((await next.conversations.users(["ana"]))[0]?.name, "Ana");
    assert.deepEqual((await next.conversations.listChanges("ana", { limit: 5, cursor })).rows, []);
  });

  prove("calls back when another store wrote, until cancelled", async (world) => {
    const other = await world.open();
    await world.group("c", ["ana"]);
    let cancelledCalls = 0;
    const cancel = world.store.watch(() => cancelledCalls++);
    cancel();
    const position = await world.store.conversations.position();
    const called = new Promise<void>((resolve) => {
      const stop = world.store.watch(() => {
        stop();
        resolve();
      });
    });
    await world.append([world.draft("c", "ana")], other);
    await called;
    const { conversations } = await world.store.conversations.changes({ limit: 5, cursor: position });
    const { fingerprint } = (await world.store.messages.heads(["c"])).get("c")!;
    assert.deepEqual(conversations, [
      {
        conversationId: "c",
        head: 2,
        fingerprint,
        membershipMoved: false,
        receiptsMoved: false,
        redacted: false,
        pruned: false,
      },
    ]);
    assert.equal(cancelledCalls, 0);
  });

  prove("waits for running commits when it is closed, then answers nothing more", async (world) => {
    await world.group("c", ["ana"]);
    const other = await world.open();
    let finished = 0;
    const running = numbers(1, 50).map(async () => {
      const outcomes = await world.store.messages.append([world.draft("c", "ana")]);
      finished++;
      return outcomes;
    });
    await world.store.close();
    assert.equal(finished, 50);
    const outcomes = (await Promise.all(running)).flat();
    const stored = outcomes.filter(({ status }) => status === "stored").length;
    assert.equal(
      (await other.messages.heads(["c"])).get("c")!.head,
      1 + stored,
      "what was acknowledged is there",
    );
    assert.equal(stored, 50);
    const { conversations, messages } = world.store;
    assert.deepEqual(statuses(await messages.append([world.draft("c", "ana")])), ["refused closed"]);
    await assertRefused(conversations.list("ana", { limit: 5 }), "closed");
    await assertRefused(conversations.setUser({ userId: "ana" }), "closed");
    await assertRefused(messages.find(world.draft("c", "ana")), "closed");
    await world.store.close();
    assert.equal((await other.conversations.row("ana", "c"))?.head, 51, "other stores on the engine go on");
  });
}
