import { ChatError, systemRuntime } from "@chat/protocol";
import { expect, it, onTestFinished } from "vitest";
import type { FollowingStore, LogFollower, MessageLog } from "../../src/index.js";
import { MarkKeeper } from "../../src/store/combined/mark-keeper.js";
import { RowRepair } from "../../src/store/combined/row-repair.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { membershipDraft } from "./combined-world.js";
import { pause } from "./insist.js";
import { SqliteFile } from "./sqlite-file.js";

const runtime = { ...systemRuntime(), log: () => {} };

async function open(): Promise<FollowingStore> {
  const file = new SqliteFile();
  const store = sqlite(file.handle());
  await store.open({ runtime, groupMembers: 9 });
  onTestFinished(async () => {
    await store.close();
    file.dispose();
  });
  return store;
}

it("brings up the other rows though one can't be", async () => {
  const [elsewhere, rows] = [await open(), await open()];
  for (const conversationId of ["a", "b", "c"]) {
    const conversation = { conversationId, type: "group", creatorId: "ana", createdAt: 1 } as const;
    for (const store of [elsewhere, rows]) await store.conversations.reserve(conversation);
    await elsewhere.messages.append([membershipDraft(conversationId, "created", ["ana", "bo"], 0)]);
  }
  const log: Pick<MessageLog, "head" | "read"> = {
    async head(conversationId) {
      if (conversationId === "a") throw new ChatError("store_unavailable", "An item can't be read.");
      return (await elsewhere.messages.heads([conversationId])).get(conversationId);
    },
    read: (query) => elsewhere.messages.read(query),
  };
  await rows.follower.mark("dead", ["a", "b", "c"], 0);
  // Marks that were deferred by one statement are due at one and the same time: then they come in one and the same order.
  const follower: Pick<LogFollower, "due" | "unmark"> = {
    async due(query) {
      const marks = await rows.follower.due({ ...query, lease: 0 });
      return [...marks].sort((one, other) => (one.conversationId < other.conversationId ? -1 : 1));
    },
    unmark: (...which) => rows.follower.unmark(...which),
  };
  const repair = new RowRepair(log as MessageLog, rows, () => runtime);
  const keeper = new MarkKeeper(follower as LogFollower, repair, 20);
  keeper.start(runtime);
  onTestFinished(() => keeper.close());
  const heads = async (): Promise<(number | undefined)[]> => {
    const found = await rows.messages.heads(["a", "b", "c"]);
    return ["a", "b", "c"].map((conversationId) => found.get(conversationId)?.head);
  };
  while ((await heads()).slice(1).some((head) => head !== 1)) await pause(10);
  expect(await heads()).toEqual([0, 1, 1]);
});
