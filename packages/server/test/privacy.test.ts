import { expect, it } from "vitest";
import { RawDevice } from "./raw-device.js";
import { openTwo } from "./two-servers.js";

const typesOf = (device: RawDevice) => device.received.map(({ type }) => type);

it("tells the user's devices on all servers what the user tells others, and nobody else", async () => {
  const { clock, one, two } = await openTwo();
  const [ana, own, bo] = [
    await RawDevice.open(one, "ana"),
    await RawDevice.open(two, "ana"),
    await RawDevice.open(one, "bo"),
  ];
  const privacy = { version: 1, typing: false, readReceipts: true, blocked: [] as string[] };
  expect(await ana.expect("privacy", { type: "set-privacy", typing: false })).toMatchObject({ privacy });
  expect(await ana.until(({ type }) => type === "privacy-changed")).toEqual({
    type: "privacy-changed",
    privacy,
  });
  clock.advance(2_000);
  expect(await own.until(({ type }) => type === "privacy-changed")).toMatchObject({ privacy });
  clock.advance(2_000);
  for (const device of [ana, own]) {
    await device.expect("pong", { type: "ping" });
    expect(typesOf(device).filter((type) => type === "privacy-changed")).toHaveLength(1);
  }
  await bo.expect("pong", { type: "ping" });
  expect(typesOf(bo)).toEqual(["welcome", "pong"]);
  expect((await RawDevice.open(two, "ana")).received[0]).toMatchObject({ type: "welcome", privacy });
  expect((await RawDevice.open(two, "bo")).received[0]).not.toHaveProperty("privacy");
  expect(await two.as("ana").privacy()).toEqual(privacy);
});

it("drops the typing of who tells nobody, everywhere or in one conversation", async () => {
  const { one, two } = await openTwo();
  for (const id of ["room", "deck"]) await one.as("ana").createGroup({ id, members: ["bo"] });
  const [ana, bo] = [await RawDevice.open(one, "ana"), await RawDevice.open(two, "bo")];
  const heard = async () => {
    for (const conversationId of ["room", "deck"]) {
      ana.post({ type: "set-typing", conversationId, typing: true });
      await ana.expect("pong", { type: "ping" });
    }
    await bo.expect("pong", { type: "ping" });
    const typing = bo.received.filter(({ type }) => type === "typing-changed");
    bo.received.length = 0;
    return typing.map((frame) => (frame as { conversationId?: string }).conversationId);
  };
  expect(await heard()).toEqual(["room", "deck"]);
  await one.as("ana").setConversationPrivacy("room", { typing: "off" });
  expect(await heard()).toEqual(["deck"]);
  await one.as("ana").setPrivacy({ typing: false });
  expect(await heard()).toEqual([]);
  await one.as("ana").setConversationPrivacy("room", { typing: "on" });
  expect(await heard()).toEqual(["room"]);
  await one.as("ana").setConversationPrivacy("room", { typing: "default" });
  expect(await heard()).toEqual([]);
});

it("tells others nothing of what is read by who does not tell it, in no frame, and the user's own devices all", async () => {
  const { clock, one, two } = await openTwo();
  await one.as("ana").createGroup({ id: "room", members: ["bo"] });
  await one.as("bo").send("room", "hello");
  await one.as("ana").sendReceipt("room", { delivered: 2 });
  await one.as("ana").setPrivacy({ readReceipts: false });
  const [own, bo, here] = [
    await RawDevice.open(two, "ana"),
    await RawDevice.open(two, "bo"),
    await RawDevice.open(one, "bo"),
  ];
  await one.as("ana").sendReceipt("room", { read: 2 });
  const told = await own.until(({ type }) => type === "own-receipt-changed");
  expect(told).toMatchObject({ receipt: { delivered: 2, read: 2 } });
  expect(told).not.toHaveProperty("receipt.shownRead");
  clock.advance(3_000);
  await clock.settle();
  for (const device of [bo, here]) {
    await device.expect("pong", { type: "ping" });
    expect(typesOf(device)).toEqual(["welcome", "pong"]);
    const row = await device.expect("conversation", { type: "get-conversation", conversationId: "room" });
    expect(row).toMatchObject({ row: { receipts: [{ userId: "ana", delivered: 2, read: 1 }] } });
  }
  const counts = await one.as("bo").countReceipts("room", 2);
  expect(counts).toEqual({ members: 2, delivered: 2, read: 1 });
  // What is delivered is told; so is what is read from now on.
  await one.as("bo").send("room", "well?");
  await one.as("ana").sendReceipt("room", { delivered: 3 });
  const delivered = await bo.until(({ type }) => type === "receipts-changed");
  expect(delivered).toMatchObject({ receipts: [{ userId: "ana", delivered: 3, read: 1 }] });
  await one.as("ana").setConversationPrivacy("room", { readReceipts: "on" });
  await one.as("ana").sendReceipt("room", { read: 3 });
  clock.advance(1_000);
  await bo.expect("pong", { type: "ping" });
  const last = bo.received.filter(({ type }) => type === "receipts-changed").at(-1);
  expect(last).toMatchObject({ receipts: [{ userId: "ana", delivered: 3, read: 3 }] });
});
