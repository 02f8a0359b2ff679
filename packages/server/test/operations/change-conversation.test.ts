import { describe, expect, it } from "vitest";
import type { ChatServer } from "../../src/index.js";
import { call, uuid } from "../http/call.js";
import { openServer } from "../open-server.js";

let made = 0;

/** Asks as somebody, in the group `room` unless the path says otherwise. */
async function ask(
  server: ChatServer,
  as: string,
  what: "add" | "remove" | "role" | "update",
  body: object,
  conversationId = "room",
) {
  const path = { add: "/members", remove: "/members/remove", role: "/members/role", update: "" }[what];
  const clientMessageId = uuid(1_000 + ++made);
  const request = { clientMessageId, ...body };
  const method = what === "update" ? "PATCH" : "POST";
  const { status, body: answer } = await call(
    server,
    method,
    `/conversations/${conversationId}${path}`,
    request,
    as,
  );
  return { status, row: answer as Record<string, unknown> };
}

async function withRoom(members: readonly string[], more: object = {}): Promise<ChatServer> {
  const server = await openServer();
  const group = { type: "group", conversationId: "room", clientMessageId: uuid(1), members, ...more };
  expect((await call(server, "POST", "/conversations", group, "ana")).status).toBe(200);
  return server;
}

async function roles(server: ChatServer, as = "ana"): Promise<Record<string, string>> {
  const { body } = await call(server, "GET", "/conversations/room/members", undefined, as);
  const { items } = body as { items: { userId: string; role: string }[] };
  return Object.fromEntries(items.map(({ userId, role }) => [userId, role]));
}

async function history(server: ChatServer, as: string): Promise<{ kind?: string; data?: unknown }[]> {
  const { body } = await call(server, "GET", "/conversations/room/messages", undefined, as);
  return (body as { entries: { kind?: string; data?: unknown }[] }).entries;
}

describe("roles", () => {
  it("are given by the owner, and handed over whole", async () => {
    const server = await withRoom(["bo", "cy"]);
    expect((await ask(server, "ana", "role", { members: ["bo"], role: "admin" })).status).toBe(200);
    expect((await ask(server, "bo", "role", { members: ["cy"], role: "admin" })).status).toBe(403);
    expect((await ask(server, "ana", "role", { members: ["cy"], role: "owner" })).row).toMatchObject({
      role: "admin",
    });
    expect(await roles(server)).toEqual({ ana: "admin", bo: "admin", cy: "owner" });
    expect((await history(server, "ana")).at(-1)).toMatchObject({
      kind: "roles-changed",
      data: {
        roles: [
          ["cy", "owner"],
          ["ana", "admin"],
        ],
      },
    });
    expect((await ask(server, "bo", "role", { members: ["bo"], role: "member" })).row).toMatchObject({
      role: "member",
    });
    expect((await ask(server, "ana", "remove", { members: ["cy"] })).status).toBe(403);
  });

  it("never leave a group without its one owner", async () => {
    const server = await withRoom(["bo", "cy", "di"]);
    const refused = [
      { members: ["ana"], role: "admin" },
      { members: ["ana"], role: "member" },
      { members: ["bo", "cy"], role: "owner" },
      { members: ["nobody"], role: "admin" },
      { members: [], role: "admin" },
    ];
    for (const body of refused) {
      expect((await ask(server, "ana", "role", body)).status, JSON.stringify(body)).toBe(400);
    }
    await ask(server, "ana", "role", { members: ["cy"], role: "admin" });
    expect((await ask(server, "ana", "remove", { members: ["ana"] })).row).toMatchObject({ member: false });
    expect(await roles(server, "bo")).toEqual({ bo: "member", cy: "owner", di: "member" });
    expect((await history(server, "bo")).at(-1)?.data).toEqual({
      members: ["ana"],
      roles: [["cy", "owner"]],
    });
    await ask(server, "cy", "remove", { members: ["cy"] });
    expect(await roles(server, "bo")).toEqual({ bo: "owner", di: "member" });
    await ask(server, "bo", "remove", { members: ["bo", "di"] });
    expect((await call(server, "GET", "/conversations/room", undefined, "bo")).body).toMatchObject({
      memberCount: 0,
    });
  });

  it("say nothing when nothing changes, and store a request once", async () => {
    const server = await withRoom(["bo"]);
    const { row } = await ask(server, "ana", "role", { members: ["bo"], role: "member" });
    expect(row["head"]).toBe(1);
    const request = { members: ["bo"], role: "admin", clientMessageId: uuid(77) };
    await ask(server, "ana", "role", request);
    await ask(server, "ana", "role", { ...request, role: "member", clientMessageId: uuid(78) });
    // The first answer again, whatever has changed since.
    expect((await ask(server, "ana", "role", request)).row["head"]).toBe(3);
    expect(await roles(server)).toEqual({ ana: "owner", bo: "member" });
    expect((await ask(server, "ana", "add", { ...request, members: ["cy"] })).status).toBe(409);
  });

  it("are authorized again when they change meanwhile", async () => {
    const server = await withRoom(["bo", "cy", "di"]);
    await ask(server, "ana", "role", { members: ["bo"], role: "admin" });
    const [demoted, removed] = await Promise.all([
      ask(server, "ana", "role", { members: ["bo"], role: "member" }),
      ask(server, "bo", "remove", { members: ["cy"] }),
    ]);
    expect(demoted.status).toBe(200);
    const kinds = (await history(server, "ana")).map(({ kind }) => kind);
    // Whichever came first, nothing was stored under a role that had ended.
    expect(removed.status === 200 ? kinds.at(-1) : removed.status).toBe(
      removed.status === 200 ? "roles-changed" : 403,
    );
  });
});

describe("updating a conversation", () => {
  it("changes what is named, for everybody, in the order of the log", async () => {
    const server = await withRoom(["bo"], { name: "Crew", data: { a: 1 } });
    expect((await ask(server, "bo", "update", { name: "Mine" })).status).toBe(403);
    expect((await ask(server, "ana", "update", { name: "Deck" })).row).toMatchObject({
      name: "Deck",
      data: { a: 1 },
    });
    await ask(server, "ana", "role", { members: ["bo"], role: "admin" });
    expect((await ask(server, "bo", "update", { data: {} })).row).not.toHaveProperty("data");
    expect(
      (await history(server, "bo")).filter(({ kind }) => kind === "updated").map(({ data }) => data),
    ).toEqual([{ name: "Deck" }, { data: {} }]);
    for (const body of [
      {},
      { name: "x".repeat(201) },
      { historyVisibility: "some" },
      { data: { d: "x".repeat(5_000) } },
    ]) {
      expect((await ask(server, "ana", "update", body)).status).toBe(400);
    }
  });

  it("of a direct conversation changes its data, by both, and nothing else by anybody", async () => {
    const server = await openServer();
    const direct = { type: "direct", conversationId: "pair", clientMessageId: uuid(1), members: ["bo"] };
    await call(server, "POST", "/conversations", direct, "ana");
    expect((await ask(server, "bo", "update", { data: { pinned: true } }, "pair")).row).toMatchObject({
      data: { pinned: true },
    });
    for (const [what, body] of [
      ["update", { name: "Us" }],
      ["update", { historyVisibility: "all" }],
      ["role", { members: ["bo"], role: "admin" }],
      ["add", { members: ["cy"] }],
      ["remove", { members: ["ana"] }],
    ] as const) {
      expect((await ask(server, "ana", what, body, "pair")).status, what).toBe(403);
    }
    const named = { ...direct, clientMessageId: uuid(2), members: ["cy"], name: "Us" };
    expect((await call(server, "POST", "/conversations", named, "ana")).status).toBe(400);
  });

  it("decides what those who join later see", async () => {
    const server = await withRoom(["bo"]);
    const message = (text: string) =>
      call(
        server,
        "POST",
        "/conversations/room/messages",
        { clientMessageId: uuid(2_000 + ++made), text },
        "ana",
      );
    await message("early");
    await ask(server, "ana", "add", { members: ["cy"] });
    await ask(server, "ana", "update", { historyVisibility: "all" });
    await ask(server, "ana", "add", { members: ["di"] });
    expect((await history(server, "di")).length).toBe(5);
    expect((await history(server, "cy")).length).toBe(3);
    await ask(server, "ana", "update", { historyVisibility: "joined" });
    await ask(server, "ana", "add", { members: ["ed"] });
    expect((await history(server, "ed")).length).toBe(1);
    await ask(server, "ana", "remove", { members: ["cy"] });
    await message("while cy was away");
    await ask(server, "ana", "update", { historyVisibility: "all" });
    await ask(server, "ana", "add", { members: ["cy"] });
    expect((await history(server, "cy")).length).toBe((await history(server, "ana")).length);
  });
});
