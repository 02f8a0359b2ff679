import { afterEach, expect, test } from "vitest";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

test("a message whose acknowledgement was dropped with what lay beyond a gap does not stay pending", async () => {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const ana = world.device("ana");
  await clock.advance(1_000);
  void texts(ana, room);
  server.post(room, "bo", "before");
  await clock.advance(1_000);
  // Stored, and neither the acknowledgement nor the push is heard.
  server.faults.outgoing = () => [];
  for (let count = 0; count < CLIENT_LIMITS.catchUpEntries; count++)
    server.post(room, "bo", `below ${count}`);
  await ana.conversations.get(room)!.send("mine");
  await clock.advance(100);
  for (let count = 0; count < CLIENT_LIMITS.catchUpEntries; count++)
    server.post(room, "bo", `above ${count}`);
  // It is sent again and acknowledged, and so much is pushed before the feed has answered that none of it may wait.
  server.faults.outgoing = (frame) => {
    if (["changes", "range"].includes(frame.type)) return [20_000];
    // The row comes first: what is asked for then ends far above.
    return frame.type === "message-stored" ? [500] : [0];
  };
  server.cut();
  while (ana.status.connection !== "online") await clock.advance(100);
  await clock.advance(1_000);
  for (let count = 0; count < CLIENT_LIMITS.reorderEntries + 500; count++)
    server.post(room, "bo", `${count}`);
  await clock.advance(60_000);
  expect(ana.status).toMatchObject({ synced: true, pending: 0 });
});
