import { afterEach, expect, test } from "vitest";
import type { ChatClient } from "../src/public-types.js";
import { createWorld, type World } from "./world.js";

let world: World;
afterEach(() => world.close());

/** Enough for what is delivered or read to be said and told. */
const SAID = 1_000;

async function two() {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const [phone, laptop, bo] = [world.device("ana"), world.device("ana"), world.device("bo")];
  await clock.advance(SAID);
  const of = (device: ChatClient) => device.conversations.get(room)!;
  return { clock, server, room, phone, laptop, bo, of };
}

test("is everything until it was set, the same on all devices then, also those that were away", async () => {
  const { clock, phone, laptop, bo } = await two();
  const all = { typing: true, readReceipts: true };
  for (const device of [phone, laptop, bo]) expect(device.privacy).toMatchObject(all);
  expect(phone.privacy).toBe(phone.privacy);
  let changes = 0;
  laptop.subscribe(() => changes++);
  await Promise.all([phone.setPrivacy({ typing: false }), clock.advance(SAID)]);
  for (const device of [phone, laptop]) expect(device.privacy).toMatchObject({ ...all, typing: false });
  expect(changes).toBe(1);
  laptop.disconnect();
  await Promise.all([phone.setPrivacy({ readReceipts: false }), clock.advance(SAID)]);
  expect(laptop.privacy.readReceipts).toBe(true);
  laptop.connect();
  await clock.advance(SAID);
  expect(laptop.privacy).toMatchObject({ typing: false, readReceipts: false });
  expect(bo.privacy).toMatchObject(all);
});

test("is after a start without a network as it was known last, and as the server says from then on", async () => {
  world = createWorld();
  const { clock, server } = world;
  const cache = world.cache();
  let phone = world.device("ana", { cache });
  const laptop = world.device("ana");
  await clock.advance(SAID);
  await Promise.all([laptop.setPrivacy({ typing: false }), clock.advance(SAID)]);
  await Promise.all([laptop.block("bo"), clock.advance(SAID)]);
  await phone.close();
  await Promise.all([laptop.setPrivacy({ readReceipts: false }), clock.advance(SAID)]);
  server.faults.unreachable = true;
  phone = world.device("ana", { cache });
  let changes = 0;
  phone.subscribe(() => changes++);
  await clock.advance(SAID);
  expect(phone.status.connection).not.toBe("online");
  expect(changes).toBeGreaterThan(0);
  expect(phone.privacy).toMatchObject({ typing: false, readReceipts: true, blocked: ["bo"] });
  server.faults.unreachable = false;
  await clock.advance(30_000);
  expect(phone.privacy).toMatchObject({ typing: false, readReceipts: false, blocked: ["bo"] });
});

test("has a conversation say otherwise, until it is to be as everywhere again", async () => {
  const { clock, phone, laptop, bo, of } = await two();
  const privacy = () => [phone, laptop, bo].map((device) => of(device).summary.privacy);
  await Promise.all([of(phone).setPrivacy({ typing: false, readReceipts: true }), clock.advance(SAID)]);
  expect(privacy()).toEqual([
    { typing: false, readReceipts: true },
    { typing: false, readReceipts: true },
    undefined,
  ]);
  laptop.disconnect();
  await Promise.all([of(phone).setPrivacy({ readReceipts: "default" }), clock.advance(SAID)]);
  laptop.connect();
  // What is said and read changes nothing of it.
  await of(bo).send("hello");
  await of(phone).send("hello, too");
  await clock.advance(SAID);
  expect(privacy()).toEqual([{ typing: false }, { typing: false }, undefined]);
});

test("says that the user is writing only where it is told", async () => {
  const { clock, server, phone, bo, of } = await two();
  const said = async () => {
    of(phone).setTyping(true);
    await clock.advance(SAID);
    const { typing } = of(bo);
    await clock.advance(10_000);
    return typing;
  };
  expect(await said()).toEqual(["ana"]);
  await Promise.all([phone.setPrivacy({ typing: false }), clock.advance(SAID)]);
  const saidSoFar = () =>
    server.received.flatMap(({ frames }) => frames).filter(({ type }) => type === "set-typing").length;
  const before = saidSoFar();
  expect(await said()).toEqual([]);
  expect(saidSoFar()).toBe(before);
  await Promise.all([of(phone).setPrivacy({ typing: true }), clock.advance(SAID)]);
  expect(await said()).toEqual(["ana"]);
});

test("shows others nothing of what is read meanwhile, and the user's own devices all", async () => {
  const { clock, server, room, phone, laptop, bo, of } = await two();
  await of(bo).send("one");
  const status = () => of(bo).timeline.messages.flatMap((message) => message.status ?? []);
  status();
  await Promise.all([phone.setPrivacy({ readReceipts: false }), clock.advance(SAID)]);
  await of(phone).markRead();
  await clock.advance(SAID);
  expect(of(laptop).summary.unreadCount).toBe(0);
  expect(status()).toEqual(["delivered"]);
  bo.disconnect();
  bo.connect();
  await clock.advance(SAID);
  expect(status()).toEqual(["delivered"]);
  await Promise.all([phone.setPrivacy({ readReceipts: true }), clock.advance(SAID)]);
  server.post(room, "bo", "two");
  await clock.advance(SAID);
  await of(laptop).markRead();
  await clock.advance(SAID);
  expect(status()).toEqual(["read", "read"]);
});
