import { expect, it } from "vitest";
import { openServer } from "../open-server.js";

it("lets nobody into what is reserved for another pair", async () => {
  const server = await openServer();
  const [bo, cy, mallory] = [server.as("bo"), server.as("cy"), server.as("mallory")];
  // Refused behind the reservation: the pair and the id are taken, and nobody is in it.
  await cy.setPrivacy({ block: ["bo"] });
  await expect(bo.createDirect({ id: "bo-and-cy", members: ["cy"] })).rejects.toMatchObject({
    code: "blocked",
  });
  const intruder = mallory.createDirect({ id: "bo-and-cy", members: ["bo"] });
  await expect(intruder).rejects.toMatchObject({ code: "conflict" });
  await cy.setPrivacy({ unblock: ["bo"] });
  const { conversationId } = await bo.createDirect({ members: ["cy"] });
  expect(conversationId).toBe("bo-and-cy");
  const { items } = await bo.members(conversationId);
  expect(items.map(({ userId }) => userId)).toEqual(["bo", "cy"]);
  // With an id of their own the two get theirs.
  const { conversationId: other } = await mallory.createDirect({ id: "another", members: ["bo"] });
  expect((await bo.createDirect({ members: ["mallory"] })).conversationId).toBe(other);
});

it("is gone on with by the other of the two, under the same id, after it was interrupted", async () => {
  const server = await openServer();
  await server.as("cy").setPrivacy({ block: ["bo"] });
  const id = "bo-and-cy";
  await expect(server.as("bo").createDirect({ id, members: ["cy"] })).rejects.toMatchObject({
    code: "blocked",
  });
  await server.as("cy").setPrivacy({ unblock: ["bo"] });
  expect(await server.as("cy").createDirect({ id, members: ["bo"] })).toMatchObject({ conversationId: id });
});
