import { expect, it } from "vitest";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { openTwo } from "./two-servers.js";

it("tells the user's devices on all servers, and nobody else", async () => {
  const { clock, one, two } = await openTwo();
  await one.as("ana").createGroup({ id: "room", members: ["bo"] });
  const [ana, own, bo] = [
    await RawDevice.open(one, "ana"),
    await RawDevice.open(two, "ana"),
    await RawDevice.open(one, "bo"),
  ];
  const until = clock.runtime.clock.now() + 3_600_000;
  const answer = await ana.expect("receipts", { type: "mute-conversation", conversationId: "room", until });
  expect(answer).toMatchObject({
    receipts: [{ conversationId: "room", mute: { version: 1, until } }],
    refused: [],
  });
  const told = await own.until(({ type }) => type === "own-receipt-changed");
  expect(told).toMatchObject({ receipt: { conversationId: "room", mute: { version: 1, until } } });
  await bo.expect("pong", { type: "ping" });
  expect(bo.received.map(({ type }) => type)).toEqual(["welcome", "pong"]);
  expect((await two.as("ana").conversation("room")).mute).toEqual({ version: 1, until });
  expect((await two.as("bo").conversation("room")).mute).toBeUndefined();
});

it("ends with a time that is over, and refuses what is no time", async () => {
  const server = await openServer();
  const ana = server.as("ana");
  await ana.createGroup({ id: "room", members: ["bo"] });
  expect((await ana.mute("room", Number.MAX_SAFE_INTEGER)).mute).toMatchObject({ version: 1 });
  expect((await ana.mute("room", Number.MAX_SAFE_INTEGER)).mute).toMatchObject({ version: 1 });
  expect((await ana.mute("room", 7)).mute).toEqual({ version: 2 });
  for (const until of [-1, 1.5, Number.NaN, Infinity]) {
    await expect(ana.mute("room", until)).rejects.toMatchObject({ code: "invalid_argument" });
  }
});
