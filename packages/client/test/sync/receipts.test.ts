import { afterEach, describe, expect, test } from "vitest";
import type { ChatClient } from "../../src/public-types.js";
import { createWorld, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

/** Enough for what is delivered or read to be said and told. */
const SAID = 1_000;

const unread = (device: ChatClient, id: string) => {
  const { unreadCount, firstUnreadId } = device.conversations.get(id)!.summary;
  return [unreadCount, firstUnreadId];
};
const statuses = (device: ChatClient, id: string) =>
  device.conversations.get(id)!.timeline.messages.flatMap(({ status }) => status ?? []);

describe("unread counts", () => {
  test("rise with others' messages, fall with markRead, and are the same on all devices", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo", "cy"], "room");
    const [ana, phone] = [world.device("ana"), world.device("ana")];
    await clock.advance(SAID);
    for (const text of ["one", "two", "three"]) server.post(room, "bo", text);
    server.addMembers(room, "bo", ["di"]);
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([3, 2]);
    await ana.conversations.get(room)!.markRead(3);
    expect(unread(ana, room)).toEqual([1, 4]);
    await clock.advance(SAID);
    expect(unread(phone, room)).toEqual([1, 4]);
    await phone.conversations.get(room)!.markRead();
    await phone.conversations.get(room)!.markRead(2);
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([0, undefined]);
  });

  test("leave one's own messages out, and those before them", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const [ana, phone] = [world.device("ana"), world.device("ana")];
    await clock.advance(SAID);
    server.post(room, "bo", "one");
    await clock.advance(SAID);
    expect(unread(phone, room)).toEqual([1, 2]);
    await ana.conversations.get(room)!.send("mine");
    await clock.advance(SAID);
    server.post(room, "bo", "two");
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([1, 4]);
  });

  test("keep a mark that was made behind a message of one's own, where it is heard of before that", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const [ana, phone] = [world.device("ana"), world.device("ana")];
    await clock.advance(SAID);
    server.post(room, "bo", "one");
    await clock.advance(SAID);
    // The phone hears of the message late, of the mark at once.
    let toAna = 0;
    server.faults.outgoing = (frame, { userId }) =>
      frame.type === "entries" && userId === "ana" && toAna++ > 0 ? [5_000] : [0];
    await ana.conversations.get(room)!.send("mine");
    await clock.advance(SAID);
    await ana.conversations.get(room)!.markUnread(2);
    await clock.advance(10_000);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([1, 2]);
  });

  test("are right at once on a new device, before any log is fetched", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const ana = world.device("ana");
    for (let index = 0; index < 30; index++) server.post(room, "bo", `${index}`);
    await clock.advance(SAID);
    await ana.conversations.get(room)!.markRead(21);
    await clock.advance(SAID);
    const fresh = world.device("ana");
    await clock.advance(100);
    expect(unread(fresh, room)).toEqual([10, 22]);
  });

  test("survive a closed page and a lost answer: what was read is said until it is acknowledged", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const ana = world.device("ana", { cache });
    server.post(room, "bo", "one");
    await clock.advance(SAID);
    server.cut();
    ana.disconnect();
    await ana.conversations.get(room)!.markRead();
    expect(unread(ana, room)).toEqual([0, undefined]);
    await ana.close();
    const phone = world.device("ana");
    await clock.advance(SAID);
    expect(unread(phone, room)).toEqual([1, 2]);
    const again = world.device("ana", { cache });
    await again.ready();
    expect(unread(again, room)).toEqual([0, undefined]);
    await clock.advance(SAID);
    expect(unread(phone, room)).toEqual([0, undefined]);
  });

  test("are right at once where a membership ended and began anew, and something was written right behind it", async () => {
    world = createWorld();
    const { clock, server } = world;
    const [ana, phone] = [world.device("ana"), world.device("ana")];
    await clock.advance(SAID);
    const created = ana.conversations.createGroup({ members: ["bo"], historyVisibility: "all" });
    await clock.advance(SAID);
    const room = (await created).id;
    for (const text of ["one", "two", "three"]) server.post(room, "bo", text);
    await clock.advance(SAID);
    ana.disconnect();
    await ana.conversations.get(room)!.markRead();
    server.removeMembers(room, "bo", ["ana"]);
    server.addMembers(room, "bo", ["ana"]);
    server.post(room, "bo", "late");
    await clock.advance(SAID);
    const before = unread(phone, room);
    ana.connect();
    await clock.advance(SAID);
    expect([before, unread(ana, room), unread(phone, room)]).toEqual([
      [1, 7],
      [1, 7],
      [1, 7],
    ]);
  });

  test("begin anew from a mark, on all devices, until something is read or written", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const [ana, phone] = [world.device("ana"), world.device("ana")];
    server.post(room, "bo", "one");
    server.post(room, "ana", "mine");
    server.post(room, "bo", "two");
    await clock.advance(SAID);
    await ana.conversations.get(room)!.markRead();
    await ana.conversations.get(room)!.markUnread(2);
    expect(unread(ana, room)).toEqual([2, 2]);
    await clock.advance(SAID);
    expect(unread(phone, room)).toEqual([2, 2]);
    server.post(room, "bo", "three");
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([3, 2]);
    await phone.conversations.get(room)!.markRead();
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([0, undefined]);
    await ana.conversations.get(room)!.markUnread(5);
    await ana.conversations.get(room)!.send("done");
    await clock.advance(SAID);
    for (const device of [ana, phone]) expect(unread(device, room)).toEqual([0, undefined]);
  });

  test("are not touched by a mark that begins at no message", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const ana = world.device("ana");
    await clock.advance(SAID);
    server.post(room, "bo", "one");
    await clock.advance(SAID);
    const { timeline, ...conversation } = ana.conversations.get(room)!;
    // A line that is pending has no messageId.
    for (const from of [0, -1, 1.5, NaN, undefined as unknown as number]) {
      await expect(conversation.markUnread(from)).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(timeline.messages).toEqual([]);
    await conversation.markRead(1.5);
    await clock.advance(SAID);
    expect(unread(ana, room)).toEqual([1, 2]);
  });

  test("are said again to a server that has lost them, and given up where it never knew them", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const ana = world.device("ana");
    server.post(room, "bo", "one");
    await clock.advance(SAID);
    const backup = server.backup();
    await ana.conversations.get(room)!.markRead();
    await clock.advance(SAID);
    server.restore(backup);
    server.cut();
    await clock.advance(10_000);
    const fresh = world.device("ana");
    await clock.advance(SAID);
    expect(unread(fresh, room)).toEqual([0, undefined]);
  });
});

describe("the status of one's own messages", () => {
  test("is read once all others have read, delivered once all have received", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo", "cy"], "room");
    const ana = world.device("ana");
    await clock.advance(SAID);
    statuses(ana, room);
    await ana.conversations.get(room)!.send("hello");
    await clock.advance(SAID);
    expect(statuses(ana, room)).toEqual(["sent"]);
    const bo = world.device("bo");
    await clock.advance(SAID);
    expect(statuses(ana, room)).toEqual(["sent"]);
    const cy = world.device("cy");
    await clock.advance(SAID * 2);
    expect(statuses(ana, room)).toEqual(["delivered"]);
    const [line] = ana.conversations.get(room)!.timeline.messages.slice(-1);
    await bo.conversations.get(room)!.markRead();
    await clock.advance(SAID);
    expect(ana.conversations.get(room)!.timeline.messages.at(-1)).toBe(line);
    await cy.conversations.get(room)!.markRead();
    await clock.advance(SAID);
    expect(statuses(ana, room)).toEqual(["read"]);
    expect(await waited(ana.conversations.get(room)!.receiptCounts(2))).toEqual({
      ...{ members: 3, delivered: 3, read: 3 },
    });
  });

  async function waited<T>(promise: Promise<T>): Promise<T> {
    await world.clock.advance(100);
    return promise;
  }

  test("counts an answer as read, and those who left no more", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo", "cy"], "room");
    const ana = world.device("ana");
    await clock.advance(SAID);
    statuses(ana, room);
    await ana.conversations.get(room)!.send("hello");
    await clock.advance(SAID);
    server.post(room, "bo", "hi");
    await clock.advance(SAID);
    expect(statuses(ana, room)).toEqual(["sent"]);
    server.removeMembers(room, "ana", ["cy"]);
    await clock.advance(SAID);
    expect(statuses(ana, room)).toEqual(["read"]);
  });
});

test("mutes a conversation on all devices of a user, also those that were away, and nobody else hears of it", async () => {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const [phone, laptop, bo] = [world.device("ana"), world.device("ana"), world.device("bo")];
  await clock.advance(1_000);
  const [here, there, others] = [phone, laptop, bo].map((device) => device.conversations.get(room)!);
  const muted = () => [here, there, others].map((conversation) => conversation!.summary.mutedUntil);
  let changes = 0;
  here!.subscribe(() => changes++);
  await Promise.all([here!.mute(), clock.advance(100)]);
  expect(muted()).toEqual([Infinity, Infinity, undefined]);
  expect(changes).toBe(1);
  laptop.disconnect();
  const until = new Date(clock.now() + 3_600_000);
  await Promise.all([here!.mute(until), clock.advance(100)]);
  // What is said and read changes nothing of it.
  await others!.send("hello");
  await here!.send("hello, too");
  await clock.advance(1_000);
  await here!.markRead();
  await clock.advance(1_000);
  expect(muted()).toEqual([until.getTime(), Infinity, undefined]);
  laptop.connect();
  await clock.advance(1_000);
  expect(muted()).toEqual([until.getTime(), until.getTime(), undefined]);
  const options = { mentionsMuted: true };
  await Promise.all([here!.mute(Infinity, options), clock.advance(100)]);
  expect([here, there, others].map((conversation) => conversation!.summary.mentionsMuted)).toEqual([
    true,
    true,
    undefined,
  ]);
  await Promise.all([here!.mute(Infinity), clock.advance(100)]);
  expect(there!.summary).toMatchObject({ mutedUntil: Infinity });
  expect(there!.summary).not.toHaveProperty("mentionsMuted");
  // What was computed need be no whole number.
  await Promise.all([here!.mute(until.getTime() + 0.25), clock.advance(100)]);
  expect(there!.summary.mutedUntil).toBe(until.getTime());
  await Promise.all([there!.mute(0), clock.advance(100)]);
  expect(muted()).toEqual([undefined, undefined, undefined]);
});

test("after the client was closed a mark is refused, as nothing would keep it", async () => {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const ana = world.device("ana");
  await clock.advance(SAID);
  server.post(room, "bo", "one");
  await clock.advance(SAID);
  const conversation = ana.conversations.get(room)!;
  const kept = conversation.markRead();
  const closed = ana.close();
  const outcomes = () =>
    Promise.all(
      [conversation.markRead(), conversation.markUnread(2), conversation.mute()].map((call) =>
        call.then(
          () => "kept",
          (error: { code: string }) => error.code,
        ),
      ),
    );
  expect(await outcomes()).toEqual(["closed", "closed", "closed"]);
  await kept;
  await closed;
  expect(await outcomes()).toEqual(["closed", "closed", "closed"]);
  expect(ana.status.error).toBeUndefined();
});
