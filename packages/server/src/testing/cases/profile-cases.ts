import assert from "node:assert/strict";
import type { Case } from "./case.js";
import { numbers } from "../store-world.js";

/** Profiles of users. */
export function profileCases(prove: Case): void {
  prove("keeps a profile, and raises its version with every change", async (world) => {
    const { conversations } = world.store;
    const ana = {
      userId: "ana",
      name: "Ana 🙂",
      avatarUrl: "https://example.org/a.png",
      data: { a: 1, b: [true, null] },
    };
    assert.deepEqual(await conversations.setUser(ana), { ...ana, version: 1 });
    assert.deepEqual(await conversations.users(["ana"]), [{ ...ana, version: 1 }]);
    const anna = { userId: "ana", name: "Anna" };
    assert.deepEqual(await conversations.setUser(anna), { ...anna, version: 2 });
    assert.deepEqual(
      await conversations.users(["ana"]),
      [{ ...anna, version: 2 }],
      "what is not said is gone",
    );
  });

  prove("keeps the version of a profile that says the same", async (world) => {
    const { conversations } = world.store;
    await conversations.setUser({ userId: "ana", name: "Ana", data: { a: 1, b: { c: [1, 2], d: "x" } } });
    const position = await conversations.position();
    const same = await conversations.setUser({
      userId: "ana",
      name: "Ana",
      data: { b: { d: "x", c: [1, 2] }, a: 1 },
    });
    assert.equal(same.version, 1);
    assert.deepEqual((await conversations.changes({ limit: 5, cursor: position })).users, []);
    const others = [{ a: 1 }, { a: 1, b: { c: [2, 1], d: "x" } }, { a: "1", b: { c: [1, 2], d: "x" } }, {}];
    for (const [index, data] of others.entries()) {
      assert.equal((await conversations.setUser({ userId: "ana", name: "Ana", data })).version, index + 2);
    }
    assert.equal((await conversations.setUser({ userId: "ana", name: "Ana" })).version, 6);
  });

  prove("gives the profiles of those who have one", async (world) => {
    const { conversations } = world.store;
    await conversations.setUser({ userId: "ana" });
    await conversations.setUser({ userId: "bo", name: "Bo" });
    const found = await conversations.users(["bo", "nobody", "ana"]);
    assert.deepEqual(
      [...found].sort((left, right) => (left.userId < right.userId ? -1 : 1)),
      [
        { userId: "ana", version: 1 },
        { userId: "bo", version: 1, name: "Bo" },
      ],
    );
    assert.deepEqual(await conversations.users([]), []);
  });

  prove("gives every change a version of its own, from two stores at once", async (world) => {
    const other = await world.open();
    const profiles = await Promise.all(
      numbers(1, 20).map((index) => {
        const { conversations } = index % 2 === 0 ? world.store : other;
        return conversations.setUser({ userId: "ana", name: `Ana ${index}` });
      }),
    );
    assert.deepEqual(
      profiles.map(({ version }) => version).sort((left, right) => left - right),
      numbers(1, 20),
    );
    const [now] = await other.conversations.users(["ana"]);
    assert.deepEqual(
      now,
      profiles.find(({ version }) => version === 20),
    );
  });
}
