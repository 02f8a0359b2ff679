import { expect, it } from "vitest";
import { call, uuid } from "./http/call.js";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";

/** Names that every object, or its prototype, has something by. */
const ODD = ["__proto__", "constructor", "toString", "hasOwnProperty", "length"] as const;
const [owner, other, third] = ODD;

it.each(ODD)("a conversation called %s of users who are called so is one like any other", async (room) => {
  const server = await openServer();
  const watching = await RawDevice.open(server, other);
  await server
    .as(owner)
    .createGroup({ id: room, members: [other, third], data: { constructor: 1, toString: [] } });
  const text = { text: `@${other}`, mentions: [other], data: { hasOwnProperty: { constructor: null } } };
  expect((await server.as(owner).send(room, text)).messageId).toBe(2);
  expect(
    (
      await call(
        server,
        "POST",
        `/conversations/${room}/messages`,
        { clientMessageId: uuid(1), text: "hi" },
        third,
      )
    ).status,
  ).toBe(200);
  await server.as(owner).setProfile({ name: room, data: { [third]: room } });
  expect(await server.as(other).users([...ODD])).toMatchObject(
    ODD.map((userId) => (userId === owner ? { userId, name: room, version: 1 } : { userId, version: 0 })),
  );
  await server.as(other).sendReceipt(room, { read: 2 });
  const { items } = await server.as(owner).receipts(room);
  expect(items.find(({ userId }) => userId === other)).toMatchObject({ read: 2 });
  expect(await server.as(owner).conversation(room)).toMatchObject({
    conversationId: room,
    memberCount: 3,
    data: { constructor: 1, toString: [] },
  });
  const { presences } = await watching.expect("presences", { type: "watch-presence", userIds: [...ODD] });
  expect(presences.map(({ userId }) => userId)).toEqual([owner, other, third]);
  await server.as(other).setPrivacy({ block: [owner] });
  await expect(server.as(owner).createDirect({ members: [other] })).rejects.toMatchObject({
    code: "blocked",
  });
  await server.as(owner).removeMembers(room, [third]);
  expect(await server.as(third).conversation(room)).toMatchObject({ member: false });
  expect((await call(server, "GET", `/conversations/${room}/messages`, undefined, "nobody")).status).toBe(
    404,
  );
  expect(({} as { readonly name?: string }).name).toBeUndefined();
});
