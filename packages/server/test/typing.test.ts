import { expect, it } from "vitest";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { openTwo } from "./two-servers.js";

const typingOf = (device: RawDevice) => device.received.filter(({ type }) => type === "typing-changed");
const notice = { type: "typing-changed", conversationId: "room", userId: "ana", typing: true };

it("tells the other members who are connected, on other servers too, and nobody else", async () => {
  const { one, two } = await openTwo();
  await one.as("ana").createGroup({ id: "room", members: ["bo", "cy"] });
  const [ana, own, bo, cy, eve] = [
    await RawDevice.open(one, "ana"),
    await RawDevice.open(one, "ana"),
    await RawDevice.open(one, "bo"),
    await RawDevice.open(two, "cy"),
    await RawDevice.open(two, "eve"),
  ];
  ana.post({ type: "set-typing", conversationId: "room", typing: true });
  for (const device of [bo, cy])
    expect(await device.until(({ type }) => type === "typing-changed")).toEqual(notice);
  for (const device of [ana, own, eve]) {
    await device.expect("pong", { type: "ping" });
    expect(typingOf(device)).toEqual([]);
  }
});

it("refuses who is no member, and answers nothing else", async () => {
  const server = await openServer();
  await server.as("ana").createGroup({ id: "room", members: ["bo"] });
  await server.as("ana").removeMembers("room", ["bo"]);
  const ana = await RawDevice.open(server, "ana");
  const refusalOf = async (userId: string) => {
    const device = await RawDevice.open(server, userId);
    return device.ask({ type: "set-typing", conversationId: "room", typing: true });
  };
  expect(await refusalOf("eve")).toMatchObject({ type: "error", code: "not_found" });
  expect(await refusalOf("bo")).toMatchObject({ type: "error", code: "forbidden" });
  ana.post({ type: "set-typing", conversationId: "room", typing: true });
  await ana.expect("pong", { type: "ping" });
  expect(ana.received.map(({ type }) => type)).toEqual(["welcome", "pong"]);
});

it("tells nobody in a conversation of many members, nor a device that much waits for", async () => {
  const server = await openServer({ settings: { typingMembers: 2, sendQueueBytes: 100_000 } });
  await server.as("ana").createGroup({ id: "many", members: ["bo", "cy"] });
  await server.as("ana").createGroup({ id: "room", members: ["bo"] });
  const bo = await RawDevice.open(server, "bo");
  await server.as("ana").setTyping("many", true);
  bo.bufferedBytes = 50_000;
  await server.as("ana").setTyping("room", true);
  bo.bufferedBytes = 0;
  await bo.expect("pong", { type: "ping" });
  expect(typingOf(bo)).toEqual([]);
  await server.as("ana").setTyping("room", true);
  await bo.until(({ type }) => type === "typing-changed");
  expect(typingOf(bo)).toEqual([notice]);
});
