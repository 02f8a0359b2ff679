import { type ChatClient, createChatClient } from "@chat/client";
import { virtualClock, virtualRuntime } from "@chat/client/testing";
import { sqlite } from "@chat/server/sqlite";
import { testServer } from "@chat/server/testing";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";

const MINUTE = 60_000;

it("takes from devices what retention deletes, where nothing else happens", async () => {
  const clock = virtualClock();
  const server = testServer({
    store: sqlite(new Database(":memory:"), { allowVolatile: true }),
    runtime: virtualRuntime(clock, 1),
    settings: { retentionAge: 10 * MINUTE },
  });
  let seed = 1;
  const clients: ChatClient[] = [];
  async function done<T>(promise: Promise<T>): Promise<T> {
    await clock.advance(100);
    return promise;
  }
  function device(userId: string): ChatClient {
    const client = createChatClient({
      ...{ url: "wss://chat.test/", userId, token: userId, runtime: virtualRuntime(clock, ++seed) },
      transport: (url, protocols) => server.connect(url, protocols),
    });
    clients.push(client);
    return client;
  }
  onTestFinished(async () => {
    for (const client of clients) await done(client.close());
    await done(server.close());
  });

  const ana = server.chat.as("ana");
  await done(ana.createGroup({ id: "room", members: ["bo"] }));
  for (const text of ["one", "two"]) await done(ana.send("room", text));
  await clock.advance(8 * MINUTE);
  await done(ana.send("room", "three"));

  const bo = device("bo");
  await clock.advance(1_000);
  const room = bo.conversations.get("room")!;
  const shown = () => room.timeline.messages.flatMap(({ text }) => text ?? []);
  const unread = () => [room.summary.unreadCount, room.summary.latest?.snippet];
  void shown();
  await clock.advance(1_000);
  expect(shown()).toEqual(["one", "two", "three"]);
  expect(unread()).toEqual([3, "three"]);

  await clock.advance(4 * MINUTE);
  expect(bo.status.connection).toBe("online");
  expect(shown()).toEqual(["three"]);
  expect(unread()).toEqual([1, "three"]);
  const phone = device("bo");
  await clock.advance(1_000);
  expect(phone.conversations.get("room")!.summary.unreadCount).toBe(1);

  await clock.advance(8 * MINUTE);
  expect(shown()).toEqual([]);
  expect(room.timeline.state).toBe("complete");
  for (const client of [bo, phone]) {
    const { summary } = client.conversations.get("room")!;
    expect([summary.unreadCount, summary.latest]).toEqual([0, undefined]);
  }

  await done(ana.send("room", "four"));
  expect(shown()).toEqual(["four"]);
  expect(unread()).toEqual([1, "four"]);
});
