import { ChatError } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { type Presence, presenceOf } from "../../src/presence/index.js";
import { createWorld, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

/** A device, and what says that somebody is at it. */
function present(userId: string) {
  const client = world.device(userId);
  let used = (): void => {};
  const activity = {
    subscribe(listener: () => void) {
      used = listener;
      return () => (used = () => {});
    },
  };
  const presence = presenceOf(client, { activity, idleAfter: 60_000 });
  return { client, presence, use: () => used() };
}

const statusOf = (presence: Presence, userId: string) => presence.get(userId)?.status;
const asked = () =>
  world.server.received
    .flatMap(({ frames }) => frames)
    .flatMap((frame) => (frame.type === "watch-presence" ? [[frame.userIds, frame.forget]] : []));

describe("presence", () => {
  test("shows who is watched, the same object until it changed", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["ana", "bo", "cy"], "room");
    const ana = present("ana");
    await clock.advance(1_000);
    const seen: unknown[] = [];
    const end = ana.presence.watch(["bo"], () => seen.push(ana.presence.get("bo")));
    expect(ana.presence.get("bo")).toBeUndefined();
    await clock.advance(100);
    const offline = ana.presence.get("bo");
    expect(offline).toEqual({ userId: "bo", status: "offline" });
    const bo = present("bo");
    await clock.advance(1_000);
    expect(ana.presence.get("bo")).toEqual({ userId: "bo", status: "online" });
    expect(ana.presence.get("bo")).toBe(ana.presence.get("bo"));
    expect(seen.at(0)).toBe(offline);
    expect(statusOf(ana.presence, "cy")).toBeUndefined();
    const went = new Date(clock.now());
    await bo.client.close();
    await clock.advance(100);
    expect(ana.presence.get("bo")).toMatchObject({ status: "offline", lastActiveAt: went });
    end();
    expect(ana.presence.get("bo")).toBeUndefined();
  });

  test("asks for many in one request, once however many look, and lets go of whom nobody looks at", async () => {
    world = createWorld();
    const { clock } = world;
    const ana = present("ana");
    await clock.advance(1_000);
    const many = Array.from({ length: 250 }, (_, index) => `user ${index}`);
    const ends = [ana.presence.watch(many), ana.presence.watch(["user 1", "not\na user"])];
    await clock.advance(100);
    expect(asked().map(([userIds]) => userIds?.length)).toEqual([1, 200, 50]);
    ends[0]!();
    await clock.advance(100);
    const forgotten = asked().flatMap(([, forget]) => forget ?? []);
    expect(new Set(forgotten)).toEqual(new Set(many.filter((id) => id !== "user 1")));
    ends[1]!();
    ends[1]!();
    await clock.advance(100);
    expect(asked().at(-1)).toEqual([[], ["user 1"]]);
  });

  test("asks one after the other, so that nobody is forgotten who is wanted again", async () => {
    world = createWorld();
    const { clock, server } = world;
    const ana = present("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => [frame.type === "presences" ? 500 : 0];
    const end = ana.presence.watch(["bo"]);
    await clock.advance(100);
    end();
    await clock.advance(100);
    ana.presence.watch(["bo"]);
    await clock.advance(100);
    expect(asked().at(-1)).toEqual([["bo"], []]);
    await clock.advance(400);
    expect(asked().at(-1)).toEqual([[], ["bo"]]);
    await clock.advance(1_500);
    expect(asked().slice(-2)).toEqual([
      [[], ["bo"]],
      [["bo"], []],
    ]);
    expect(statusOf(ana.presence, "bo")).toBe("offline");
  });

  test("asks once more for whom it was refused, when others are let go of", async () => {
    world = createWorld();
    const { clock, server } = world;
    const ana = present("ana");
    const errors: string[] = [];
    ana.client.on("error", ({ code }) => errors.push(code));
    await clock.advance(1_000);
    const end = ana.presence.watch(["cy"]);
    await clock.advance(100);
    server.faults.incoming = (frame) =>
      frame.type === "watch-presence" ? new ChatError("limit_exceeded", "too many") : undefined;
    ana.presence.watch(["bo"]);
    await clock.advance(100);
    expect(errors).toEqual(["limit_exceeded"]);
    server.faults.incoming = undefined;
    end();
    await clock.advance(100);
    expect(asked().at(-1)).toEqual([["bo"], ["cy"]]);
    expect(statusOf(ana.presence, "bo")).toBe("offline");
  });

  test("is still known where who shows it gives way to another in the same turn", async () => {
    world = createWorld();
    const { clock } = world;
    const [ana] = [present("ana"), present("bo")];
    const end = ana.presence.watch(["bo"]);
    await clock.advance(1_000);
    expect(statusOf(ana.presence, "bo")).toBe("online");
    // As React does when it mounts one component in place of another.
    end();
    ana.presence.watch(["bo"]);
    expect(statusOf(ana.presence, "bo")).toBe("online");
    await clock.advance(1_000);
    expect(statusOf(ana.presence, "bo")).toBe("online");
  });

  test("knows of nobody while offline, and asks anew", async () => {
    world = createWorld();
    const { clock, server } = world;
    const [ana] = [present("ana"), present("bo")];
    ana.presence.watch(["bo"]);
    await clock.advance(1_000);
    expect(statusOf(ana.presence, "bo")).toBe("online");
    server.cut("ana");
    await clock.advance(10);
    expect(ana.presence.get("bo")).toBeUndefined();
    await clock.advance(10_000);
    expect(statusOf(ana.presence, "bo")).toBe("online");
  });

  test("watches the other users of direct conversations", async () => {
    world = createWorld();
    const { clock } = world;
    const [ana] = [present("ana"), present("bo")];
    await clock.advance(1_000);
    await Promise.all([ana.client.conversations.createDirect("bo"), clock.advance(1_000)]);
    await clock.advance(100);
    expect(statusOf(ana.presence, "bo")).toBe("online");
  });

  test("says that nobody is at the device, after a reconnect too, and that somebody is", async () => {
    world = createWorld();
    const { clock, server } = world;
    const [ana, bo] = [present("ana"), present("bo")];
    ana.presence.watch(["bo"]);
    for (let minute = 0; minute < 5; minute++) {
      await clock.advance(59_000);
      bo.use();
    }
    expect(statusOf(ana.presence, "bo")).toBe("online");
    const last = clock.now();
    /** How far off the time is that is shown; what travels takes its ms. */
    const error = () => Math.abs((ana.presence.get("bo")?.lastActiveAt?.getTime() ?? 0) - last);
    await clock.advance(61_000);
    expect(statusOf(ana.presence, "bo")).toBe("away");
    expect(error()).toBeLessThan(50);
    server.cut("bo");
    await clock.advance(30_000);
    expect(statusOf(ana.presence, "bo")).toBe("away");
    expect(error()).toBeLessThan(50);
    bo.use();
    await clock.advance(100);
    expect(statusOf(ana.presence, "bo")).toBe("online");
  });

  test("is not seen who does not want to be, and knows it", async () => {
    world = createWorld();
    const { clock } = world;
    const [ana, bo] = [present("ana"), present("bo")];
    ana.presence.watch(["bo"]);
    await clock.advance(1_000);
    expect(bo.presence.invisible).toBe(false);
    await Promise.all([bo.presence.setInvisible(true), clock.advance(100)]);
    expect(bo.presence.invisible).toBe(true);
    expect(statusOf(ana.presence, "bo")).toBe("offline");
    expect(statusOf(bo.presence, "bo")).toBe("online");
    await Promise.all([bo.presence.setInvisible(false), clock.advance(100)]);
    expect(statusOf(ana.presence, "bo")).toBe("online");
  });

  test("is one for each client, and ends with it", async () => {
    world = createWorld();
    const { clock } = world;
    const { client, presence } = present("ana");
    await clock.advance(1_000);
    expect(presenceOf(client)).toBe(presence);
    await client.close();
    await clock.advance(100_000);
    expect(presence.get("ana")).toBeUndefined();
    expect(() => presenceOf({} as typeof client)).toThrow("createChatClient");
  });
});
