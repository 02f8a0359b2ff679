import { expect, test } from "vitest";
import { createWorld, texts } from "./world.js";

test("two devices talk", async () => {
  const { clock, server, device } = createWorld();
  const room = server.createGroup(["ana", "bo"], "room");
  const ana = device("ana");
  const bo = device("bo");
  await clock.advance(1_000);
  expect(ana.status).toMatchObject({ connection: "online", synced: true, pending: 0 });
  expect(ana.conversations.items.map(({ id }) => id)).toEqual([room]);
  for (const client of [ana, bo]) void texts(client, room);
  const sent = await ana.conversations.get(room)!.send("hello");
  expect(texts(ana, room)).toEqual(["(hello)"]);
  await clock.advance(100);
  expect((await sent.stored).messageId).toBe(2);
  expect(texts(ana, room)).toEqual(["hello"]);
  expect(texts(bo, room)).toEqual(["hello"]);
  await bo.conversations.get(room)!.send("hi");
  await clock.advance(100);
  expect(texts(ana, room)).toEqual(["hello", "hi"]);
  expect(ana.conversations.get(room)!.timeline.state).toBe("complete");
});
