import { ChatError } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { Cache } from "../src/cache/cache.js";
import { createWorld, texts, type World } from "./world.js";

let world: World;
afterEach(() => world.close());

/** A cache that fails from some moment on, and what was done to it afterwards. */
function failing(cache: Cache) {
  const state = { broken: false, hangs: false, commits: 0 };
  const guard = <T>(work: () => Promise<T>): Promise<T> =>
    state.broken ? Promise.reject(new ChatError("storage_failed", "the disk is full")) : work();
  const wrapped: Cache = {
    ...cache,
    load: () => guard(() => cache.load()),
    read: (...given) => guard(() => cache.read(...given)),
    commit(...given) {
      if (state.broken) state.commits++;
      return guard(() => cache.commit(...given));
    },
  };
  return { cache: wrapped, state };
}

describe("storage that fails", () => {
  test("at start leaves the client in memory, and says so", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const { cache, state } = failing(world.cache());
    state.broken = true;
    const client = world.device("ana", { cache });
    const errors: string[] = [];
    client.on("error", ({ code }) => errors.push(code));
    await clock.advance(1_000);
    expect(client.status).toMatchObject({ storage: "memory", connection: "online", synced: true });
    expect(errors).toEqual(["storage_failed"]);
    await client.conversations.get(room)!.send("hello");
    await clock.advance(100);
    expect(server.log(room).at(-1)!.text).toBe("hello");
  });

  test("mid-way loses nothing that is in memory, and is never written again", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const closed = server.createGroup(["ana", "bo"], "closed");
    for (let count = 0; count < 60; count++) server.post(room, "bo", `p${count}`);
    for (let count = 0; count < 10; count++) server.post(closed, "bo", `q${count}`);
    const { cache, state } = failing(world.cache());
    const client = world.device("ana", { cache });
    const errors: string[] = [];
    client.on("error", ({ code }) => errors.push(code));
    await clock.advance(1_000);
    void texts(client, room);
    await clock.advance(100);
    const shown = texts(client, room);
    expect(client.status.storage).toBe("persistent");
    client.disconnect();
    const first = await client.conversations.get(room)!.send("kept");
    state.broken = true;
    const second = await client.conversations.get(room)!.send("in memory");
    // It is not durable, and the status says so by the time that send has resolved.
    expect(client.status.storage).toBe("memory");
    expect(errors).toEqual(["storage_failed"]);
    expect(texts(client, room)).toEqual([...shown, "(kept)", "(in memory)"]);
    server.post(closed, "bo", "q10");
    client.connect();
    await clock.advance(2_000);
    expect((await first.stored).messageId).toBe(62);
    expect((await second.stored).messageId).toBe(63);
    expect(texts(client, room)).toEqual([...shown, "kept", "in memory"]);
    void texts(client, closed);
    await clock.advance(100);
    expect(texts(client, closed)).toEqual(Array.from({ length: 11 }, (_, count) => `q${count}`));
    expect(state.commits).toBe(1);
    const { timeline } = client.conversations.get(room)!;
    const loading = timeline.loadOlder({ limit: 200 });
    await clock.advance(50);
    await loading;
    expect(texts(client, room)).toHaveLength(62);
    await client.close();
    state.broken = false;
    // What was written before the failure is still whole: a later start goes on from there.
    const again = world.device("ana", { cache });
    await clock.advance(2_000);
    void texts(again, room);
    await clock.advance(100);
    expect(texts(again, room).slice(-2)).toEqual(["kept", "in memory"]);
    expect(server.log(room)).toHaveLength(63);
    expect(again.status.pending).toBe(0);
  });

  test("when a timeline is read shows what the server has", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    for (let count = 0; count < 5; count++) server.post(room, "bo", `p${count}`);
    const { cache, state } = failing(world.cache());
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    state.broken = true;
    void texts(client, room);
    await clock.advance(100);
    expect(texts(client, room)).toEqual(["p0", "p1", "p2", "p3", "p4"]);
    expect(client.conversations.get(room)!.timeline.state).toBe("complete");
    expect(client.status.storage).toBe("memory");
  });

  test("while what is held is compared fetches it anew, and nothing is given up", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    for (let count = 0; count < 5; count++) server.post(room, "bo", `p${count}`);
    const { cache, state } = failing(world.cache());
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(before, room);
    await clock.advance(1_000);
    await before.close();
    server.post(room, "bo", "p5");
    // From the first read of a log on: the rows were loaded.
    const reading: Cache = { ...cache, read: (...given) => ((state.broken = true), cache.read(...given)) };
    const client = world.device("ana", { cache: reading });
    const errors: string[] = [];
    client.on("error", ({ code }) => errors.push(code));
    await clock.advance(2_000);
    void texts(client, room);
    await clock.advance(2_000);
    expect(errors).toEqual(["storage_failed"]);
    expect(texts(client, room)).toEqual(["p0", "p1", "p2", "p3", "p4", "p5"]);
  });

  test("does not let messages be told again", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const { cache, state } = failing(world.cache());
    const client = world.device("ana", { cache });
    const heard: string[] = [];
    client.on("message", ({ message }) => heard.push(message.text!));
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "entries" ? [0, 500] : [0]);
    server.post(room, "bo", "hello");
    await clock.advance(100);
    state.broken = true;
    server.post(room, "bo", "again");
    await clock.advance(2_000);
    expect(client.status.storage).toBe("memory");
    expect(heard).toEqual(["hello", "again"]);
  });
});
