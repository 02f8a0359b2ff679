import { afterEach, describe, expect, test } from "vitest";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

/** Ana and bo in a room that ana owns, both online. */
async function room() {
  world = createWorld();
  const { clock, server } = world;
  server.createGroup(["ana", "bo"], "room");
  const [ana, bo] = [world.device("ana"), world.device("bo")];
  await clock.advance(1_000);
  const owned = ana.conversations.get("room")!;
  return { clock, server, ana, bo, owned, summary: () => bo.conversations.get("room")!.summary };
}

describe("what changes a conversation", () => {
  test("its name and data reach everybody, live and after an absence", async () => {
    const { clock, owned, bo, summary } = await room();
    void texts(bo, "room");
    void owned.update({ name: "Crew", data: { topic: 7 } });
    await clock.advance(100);
    expect(summary()).toMatchObject({ name: "Crew", data: { topic: 7 } });
    void owned.update({ name: "" });
    await clock.advance(100);
    expect(summary()).toMatchObject({ data: { topic: 7 } });
    expect(summary()).not.toHaveProperty("name");
    bo.disconnect();
    void owned.update({ name: "Deck", data: {} });
    await clock.advance(100);
    bo.connect();
    await clock.advance(1_000);
    expect(summary().name).toBe("Deck");
    expect(summary().data).toBeUndefined();
    expect(texts(bo, "room")).toEqual([]);
  });

  test("is checked before it is asked for", async () => {
    const { owned } = await room();
    await expect(owned.update({ name: "x".repeat(201) })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(owned.update({ data: { x: "x".repeat(5_000) } })).rejects.toMatchObject({
      code: "data_invalid",
    });
    await expect(owned.setRole([""], "admin")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("a role reaches whom it concerns with its entry, and nobody else", async () => {
    const { clock, owned, bo, summary } = await room();
    void texts(bo, "room");
    await clock.advance(100);
    void owned.setRole(["bo"], "admin");
    await clock.advance(100);
    expect(summary().role).toBe("admin");
    expect(owned.summary.role).toBe("owner");
    // An application's own data says nothing about roles and names.
    await owned.send({ kind: "x-poll", data: { roles: [["bo", "owner"]], name: "No", members: ["cy"] } });
    await clock.advance(100);
    expect(summary()).toMatchObject({ role: "admin", memberCount: 2 });
    expect(summary()).not.toHaveProperty("name");
  });

  test.each(["online", "offline"])(
    "what was hidden from a former member comes with a membership that shows it: %s",
    async (where) => {
      const { clock, server, owned, bo } = await room();
      void texts(bo, "room");
      server.post("room", "ana", "first");
      server.removeMembers("room", "ana", ["bo"]);
      server.post("room", "ana", "hidden");
      server.addMembers("room", "ana", ["bo"]);
      server.post("room", "ana", "back");
      await clock.advance(1_000);
      expect(texts(bo, "room")).toEqual(["first", "back"]);
      if (where === "offline") bo.disconnect();
      server.removeMembers("room", "ana", ["bo"]);
      void owned.update({ historyVisibility: "all" });
      await clock.advance(100);
      server.addMembers("room", "ana", ["bo"]);
      bo.connect();
      await clock.advance(1_000);
      expect(texts(bo, "room")).toEqual(["first", "hidden", "back"]);
      expect(bo.conversations.get("room")!.timeline.state).toBe("complete");
      expect(bo.conversations.get("room")!.summary.historyVisibility).toBe("all");
      // Nothing is told twice.
      const told: (string | undefined)[] = [];
      bo.on("message", ({ message }) => told.push(message.text));
      server.post("room", "ana", "next");
      await clock.advance(1_000);
      expect(told).toEqual(["next"]);
    },
  );

  test("an answer that was read before that membership is not believed", async () => {
    const { clock, server, owned, bo } = await room();
    void texts(bo, "room");
    await clock.advance(100);
    server.removeMembers("room", "ana", ["bo"]);
    server.post("room", "ana", "hidden");
    void owned.update({ historyVisibility: "all" });
    await clock.advance(100);
    // Bo joins without the history first; what bo asks for then is answered late.
    void owned.update({ historyVisibility: "joined" });
    await clock.advance(100);
    server.faults.outgoing = (frame) => (frame.type === "range" ? [500] : [0]);
    server.addMembers("room", "ana", ["bo"]);
    await clock.advance(300);
    server.removeMembers("room", "ana", ["bo"]);
    void owned.update({ historyVisibility: "all" });
    await clock.advance(50);
    server.addMembers("room", "ana", ["bo"]);
    await clock.advance(5_000);
    expect(texts(bo, "room")).toEqual(["hidden"]);
  });
});
