import { join } from "node:path";
import { newUuid, systemRuntime } from "@chat/protocol";
import Database from "better-sqlite3";
import { expect, it, vi } from "vitest";
import { sqlite } from "../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { openTwo } from "./two-servers.js";

const { random } = systemRuntime();

const message = (conversationId: string, text: string) =>
  ({ type: "send-message", conversationId, clientMessageId: newUuid(random), text, first: true }) as const;

it("refuses what the two write to each other from that moment on, also on a connection that has just written", async () => {
  const { one, two } = await openTwo();
  await one.as("ana").createDirect({ id: "pair", members: ["bo"] });
  const bo = await RawDevice.open(two, "bo");
  expect(await bo.ask(message("pair", "hello"))).toMatchObject({ type: "message-stored" });
  const kept = message("pair", "once more");
  expect(await bo.ask(kept)).toMatchObject({ type: "message-stored", messageId: 3 });
  const privacy = await one.as("ana").setPrivacy({ block: ["bo"] });
  expect(privacy).toMatchObject({ version: 1, blocked: ["bo"] });
  expect(await bo.ask(message("pair", "and now?"))).toMatchObject({ type: "error", code: "blocked" });
  expect(await bo.ask(kept)).toMatchObject({ type: "message-stored", messageId: 3 });
  await expect(two.as("bo").send("pair", "or so?")).rejects.toMatchObject({ code: "blocked" });
  await expect(two.as("bo").draft("pair", "or so?")).rejects.toMatchObject({ code: "blocked" });
  await expect(two.as("ana").send("pair", "no")).rejects.toMatchObject({ code: "unblock_first" });
  // The application itself may.
  expect(await two.system.send("pair", "Be kind.")).toMatchObject({ messageId: 4 });
  await two.as("ana").setPrivacy({ unblock: ["bo"] });
  expect(await bo.ask(message("pair", "thank you"))).toMatchObject({ type: "message-stored", messageId: 5 });
  expect(await one.as("ana").send("pair", "well")).toMatchObject({ messageId: 6 });
});

it("lets groups of both go on, and the blocked one bring nobody into one who does not want that", async () => {
  const { one, two } = await openTwo();
  await one.as("ana").createGroup({ id: "room", members: ["bo"] });
  await one.as("ana").setPrivacy({ block: ["bo"] });
  expect(await two.as("bo").send("room", "hello")).toMatchObject({ messageId: 2 });
  await two.as("bo").createGroup({ id: "deck", members: ["cy"] });
  const blocked = { code: "blocked" };
  await expect(two.as("bo").addMembers("deck", ["di", "ana"])).rejects.toMatchObject(blocked);
  await expect(two.as("bo").createGroup({ id: "den", members: ["ana"] })).rejects.toMatchObject(blocked);
  await expect(two.as("bo").createDirect({ members: ["ana"] })).rejects.toMatchObject(blocked);
  await expect(one.as("ana").createDirect({ members: ["bo"] })).rejects.toMatchObject({
    code: "unblock_first",
  });
  expect(await two.as("bo").addMembers("deck", ["di"])).toMatchObject({ memberCount: 3 });
  expect(await one.as("cy").createDirect({ members: ["ana"] })).toMatchObject({ peerId: "ana" });
  await one.as("ana").setPrivacy({ unblock: ["bo"] });
  expect(await two.as("bo").createDirect({ members: ["ana"] })).toMatchObject({ peerId: "ana" });
});

it("hides the two from each other, also where they were watched already, and drops their typing", async () => {
  const { clock, one, two } = await openTwo();
  await one.as("ana").createDirect({ id: "pair", members: ["bo"] });
  const [ana, bo] = [await RawDevice.open(one, "ana"), await RawDevice.open(two, "bo")];
  clock.advance(1_000);
  const watch = async (device: RawDevice, userId: string) =>
    device.expect("presences", { type: "watch-presence", userIds: [userId] });
  expect(await watch(ana, "bo")).toMatchObject({ presences: [{ userId: "bo" }] });
  expect(await watch(bo, "ana")).toMatchObject({ presences: [{ userId: "ana" }] });
  await one.as("ana").setPrivacy({ block: ["bo"] });
  const hidden = (frame: { type: string }) =>
    frame.type === "presence-changed" && JSON.stringify(frame).includes('"offline"');
  expect(await ana.until(hidden)).toMatchObject({ presence: { userId: "bo", status: "offline" } });
  clock.advance(2_000);
  expect(await bo.until(hidden)).toMatchObject({ presence: { userId: "ana", status: "offline" } });
  for (const [device, other] of [
    [ana, "bo"],
    [bo, "ana"],
  ] as const) {
    expect(await watch(device, other)).toMatchObject({ presences: [] });
    device.post({ type: "set-typing", conversationId: "pair", typing: true });
    await device.expect("pong", { type: "ping" });
  }
  for (const device of [ana, bo]) {
    await device.expect("pong", { type: "ping" });
    expect(device.received.map(({ type }) => type)).not.toContain("typing-changed");
  }
});

it("lets the two see each other again once the block is lifted, on all servers, without being asked again", async () => {
  const { clock, one, two } = await openTwo();
  await one.as("ana").createDirect({ id: "pair", members: ["bo"] });
  const [ana, bo] = [await RawDevice.open(one, "ana"), await RawDevice.open(two, "bo")];
  const pass = async (duration: number) => {
    for (let passed = 0; passed < duration; passed += 250) {
      clock.advance(250);
      await clock.settle();
    }
  };
  await pass(1_000);
  const ask = (userId: string) => ({ type: "watch-presence", userIds: [userId] }) as const;
  const told = (device: RawDevice) =>
    device.received.flatMap((frame) =>
      frame.type === "presence-changed" ? [[frame.presence.userId, frame.presence.status]] : [],
    );
  // Ana sees him when she blocks him; he asks for her only then.
  expect(await ana.expect("presences", ask("bo"))).toMatchObject({ presences: [{ userId: "bo" }] });
  await one.as("ana").setPrivacy({ block: ["bo", "cy"] });
  expect(await bo.expect("presences", ask("ana"))).toMatchObject({ presences: [] });
  // Another one's block is lifted first: that is nothing to the two.
  await one.as("ana").setPrivacy({ unblock: ["cy"] });
  await pass(2_000);
  expect(told(bo)).toEqual([]);
  await one.as("ana").setPrivacy({ unblock: ["bo"] });
  await pass(2_000);
  expect(told(ana)).toEqual([
    ["bo", "offline"],
    ["bo", "online"],
  ]);
  expect(told(bo)).toEqual([["ana", "online"]]);
  // From then on they are told of changes as ever.
  await ana.ask({ type: "set-presence", idle: 300_000 });
  await pass(2_000);
  expect(told(bo)[1]).toEqual(["ana", "away"]);
});

it.each(["blocks", "presences"] as const)(
  "shows nobody who blocks just as the store has answered who may be seen (%s)",
  async (method) => {
    const store = sqlite(new Database(join(temporaryFolder(), "chat.db")));
    const server = await openServer({ store });
    await server.as("ana").createDirect({ id: "pair", members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    // The two methods as one: what they are asked and answer is only passed on.
    const asked = store.conversations as unknown as Record<string, (...query: unknown[]) => Promise<unknown>>;
    const spy = vi.spyOn(asked, method).mockImplementationOnce(async (...query) => {
      spy.mockRestore();
      const answer = await asked[method]!(...query);
      await server.as("ana").setPrivacy({ block: ["bo"] });
      return answer;
    });
    const ask = { type: "watch-presence", userIds: ["ana"] } as const;
    expect(await bo.expect("presences", ask)).toMatchObject({ presences: [] });
  },
);

it("tells none of the two in a group that the other is writing, and the others of both", async () => {
  const { clock, one, two } = await openTwo();
  await one.as("ana").createGroup({ id: "room", members: ["bo", "cy"] });
  const [ana, phone, bo, cy] = [
    await RawDevice.open(one, "ana"),
    await RawDevice.open(two, "ana"),
    await RawDevice.open(two, "bo"),
    await RawDevice.open(one, "cy"),
  ];
  const isTyping = ({ type }: { type: string }) => type === "typing-changed";
  /** Whom each device has heard of, once cy has been told of `count` notices. */
  const heard = async (count: number, ...devices: RawDevice[]) => {
    await cy.until(() => cy.received.filter(isTyping).length === count);
    const users = [];
    for (const device of devices) {
      await device.expect("pong", { type: "ping" });
      users.push(device.received.flatMap((frame) => (frame.type === "typing-changed" ? [frame.userId] : [])));
    }
    return users;
  };
  await one.as("ana").setPrivacy({ block: ["bo", "eve"] });
  clock.advance(2_000);
  await phone.until(({ type }) => type === "privacy-changed");
  for (const device of [ana, bo]) device.post({ type: "set-typing", conversationId: "room", typing: true });
  expect(await heard(2, ana, phone, bo)).toEqual([[], [], []]);
  // Who is not connected to the server that is asked, and who has connected since.
  const tablet = await RawDevice.open(one, "ana");
  phone.drop();
  await clock.settle();
  for (const userId of ["ana", "bo"]) await two.as(userId).setTyping("room", true);
  expect(await heard(4, ana, tablet, bo)).toEqual([[], [], []]);
  await one.as("ana").setPrivacy({ unblock: ["bo"] });
  for (const userId of ["ana", "bo"]) await two.as(userId).setTyping("room", true);
  expect(await heard(6, ana, tablet, bo)).toEqual([["bo"], ["bo"], ["ana"]]);
});

it("refuses to block oneself, and more than the limit", async () => {
  const server = await openServer();
  const ana = server.as("ana");
  await expect(ana.setPrivacy({ block: ["ana"] })).rejects.toMatchObject({ code: "invalid_argument" });
  const many = Array.from({ length: 1_000 }, (_, index) => `user ${index}`);
  expect((await ana.setPrivacy({ block: many })).blocked).toHaveLength(1_000);
  await expect(ana.setPrivacy({ block: ["bo"] })).rejects.toMatchObject({ code: "limit_exceeded" });
  expect((await ana.setPrivacy({ block: ["bo"], unblock: ["user 7"] })).blocked).toHaveLength(1_000);
});
