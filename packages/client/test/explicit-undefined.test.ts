import "../src/timeline/open-window.js";
import { afterEach, expect, test } from "vitest";
import type { ChatClientOptions } from "../src/public-types.js";
import { createWorld, type World } from "./world.js";

let world: World;
afterEach(() => world.close());

/** What is not given, under `exactOptionalPropertyTypes` too: that it compiles is half of the test. */
const none = undefined;
const signal = none;

test("an option that is undefined is one that is absent", async () => {
  world = createWorld();
  const { clock, server } = world;
  const options: Partial<ChatClientOptions> = {
    ...{ discover: none, cache: none, requestTimeout: none, catchUpEntries: none, signals: none },
  };
  const ana = world.device("ana", options);
  async function soon<T>(promise: Promise<T>): Promise<T> {
    await clock.advance(1_000);
    return promise;
  }
  await soon(ana.ready({ signal }));
  const group = { id: none, name: none, members: ["bo"], data: none, historyVisibility: none };
  const { id } = await soon(ana.conversations.createGroup(group, { signal }));
  const conversation = ana.conversations.get(id)!;
  expect(conversation.summary).not.toHaveProperty("name");
  expect(conversation.summary).toMatchObject({ memberCount: 2, historyVisibility: "joined" });
  await soon(ana.conversations.createDirect("cy", { signal, data: none }));
  const name = "Lunch";
  await soon(conversation.update({ name, data: { topic: "noodles" } }));
  await soon(conversation.update({ name: none, data: none, historyVisibility: none }, { signal }));
  expect(conversation.summary).toMatchObject({ name, data: { topic: "noodles" } });

  const content = { kind: none, data: none, replyTo: none, mentions: none };
  const { stored } = await soon(conversation.send({ text: "hello", ...content }, { signal }));
  expect(Object.keys(await soon(stored))).not.toEqual(expect.arrayContaining(["data", "mentions"]));
  await soon(conversation.send({ text: none, data: { at: 1 } }));
  expect(server.log(id).map(({ text, data }) => text ?? data)).toContainEqual({ at: 1 });

  await soon(conversation.timeline.loadOlder({ limit: none, signal }));
  const window = await soon(conversation.timeline.window({ around: 2, limit: none, signal }));
  window.close();
  expect((await soon(conversation.members({ cursor: none, limit: none, signal }))).items).toHaveLength(2);
  await soon(conversation.mute(none, { mentionsMuted: none, signal }));
  expect(conversation.summary.mutedUntil).toBe(Infinity);
  await soon(conversation.setPrivacy({ typing: false, readReceipts: none }, { signal }));
  expect(conversation.summary.privacy).toEqual({ typing: false });
  await soon(ana.setPrivacy({ typing: none, readReceipts: false }, { signal }));
  expect(ana.privacy).toMatchObject({ typing: true, readReceipts: false });
  await soon(ana.users.setProfile({ name: "Ana", avatarUrl: none, data: none }, { signal }));
  expect(ana.users.get("ana")).toEqual({ id: "ana", name: "Ana" });
});
