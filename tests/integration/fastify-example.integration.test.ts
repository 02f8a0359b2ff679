import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type ChatClient, createChatClient } from "@chat/client";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { createApp } from "../../examples/fastify/src/app.js";
import { createTokens } from "../../examples/fastify/src/tokens.js";
import { PATIENCE } from "./patience.js";

const PASSWORD = "correct horse";
const SECRET = new Uint8Array(32).fill(7);
const root = fileURLToPath(new URL("../../", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fastify-example-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface World {
  readonly chat: Awaited<ReturnType<typeof createApp>>["chat"];
  /** How often a token was asked for. */
  readonly issued: () => number;
  close(): Promise<void>;
  post(
    path: string,
    body?: object,
    session?: string,
  ): Promise<{ status: number; body: Record<string, string> }>;
  /** Makes an account, if there is none yet, and logs in. */
  logIn(name: string): Promise<string>;
  end(session: string): Promise<void>;
  client(name: string, session: string): ChatClient;
}

async function openWorld(tokenLife = 300, folder = temporaryFolder()): Promise<World> {
  const database = new Database(join(folder, "app.db"));
  const { app, chat } = await createApp({ database, secret: SECRET, tokenLife, logs: false });
  let issued = 0;
  app.addHook("onResponse", async ({ url }) => void (url === "/token" && issued++));
  await app.listen({ port: 0, host: "127.0.0.1" });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const clients: ChatClient[] = [];
  let isClosed = false;
  async function close(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    for (const client of clients) await client.close();
    await app.close();
    database.close();
  }
  onTestFinished(close);

  const post: World["post"] = async (path, body, session) => {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(session !== undefined && { authorization: `Bearer ${session}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  return {
    chat,
    issued: () => issued,
    close,
    post,
    async logIn(name) {
      await post("/accounts", { name, password: PASSWORD });
      return (await post("/session", { name, password: PASSWORD })).body["session"]!;
    },
    async end(session) {
      await fetch(`${url}/session`, { method: "DELETE", headers: { authorization: `Bearer ${session}` } });
    },
    client(name, session) {
      const client = createChatClient({
        url: `${url}/chat`,
        userId: name,
        token: async () => (await post("/token", undefined, session)).body["token"] ?? "",
      });
      clients.push(client);
      return client;
    },
  };
}

const isOnline = (client: ChatClient) => () => client.status.connection === "online";

describe("the Fastify example", () => {
  test("keeps one connection over many tokens, each refreshed in band", async () => {
    const world = await openWorld(2);
    const ana = world.client("ana", await world.logIn("ana"));
    await expect.poll(isOnline(ana), PATIENCE).toBe(true);
    const seen = new Set<string>();
    ana.subscribe(() => void seen.add(ana.status.connection));
    // The first for the connect; a token that lives so shortly is refreshed at half of its life.
    await expect.poll(world.issued, PATIENCE).toBeGreaterThanOrEqual(4);
    expect([...seen].filter((connection) => connection !== "online")).toEqual([]);
    const group = await ana.conversations.createGroup({ id: "deck", members: [] });
    await (
      await group.send("still here")
    ).stored;
  });

  test("shuts out whoever logs out, and lets nobody in by a token that is forged, expired or for something else", async () => {
    const world = await openWorld();
    const session = await world.logIn("ana");
    const { token = "" } = (await world.post("/token", undefined, session)).body;
    const [header, claims, signature] = token.split(".");
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const said = JSON.parse(Buffer.from(claims!, "base64url").toString()) as { sid: string };
    const expired = await createTokens(SECRET, -1).issue({ id: said.sid, userId: "ana" });
    const foreign = await createTokens(new Uint8Array(32), 300).issue({ id: said.sid, userId: "ana" });
    const refused = [
      "ana",
      expired,
      foreign,
      `${header}.${part({ ...said, sub: "bo" })}.${signature}`,
      `${part({ alg: "none" })}.${claims}.`,
      await createTokens(SECRET, 300).issue({ id: "no such session", userId: "ana" }),
    ];
    const status = async (bearer: string): Promise<number> => {
      const headers = { authorization: `Bearer ${bearer}` };
      return (await world.chat.fetch(new Request("http://chat/conversations", { headers }))).status;
    };
    expect(await status(token)).toBe(200);
    for (const bearer of refused) expect(await status(bearer)).toBe(401);

    const ana = world.client("ana", session);
    await expect.poll(isOnline(ana), PATIENCE).toBe(true);
    await world.end(session);
    await expect.poll(() => ana.status.connection, PATIENCE).toBe("stopped");
    expect(await status(token)).toBe(401);
    expect(world.chat.connections).toBe(0);
  });

  test("has accounts that can't be taken, guessed or named like the bot", async () => {
    const world = await openWorld();
    const signUp = async (name: string, password = PASSWORD): Promise<number> =>
      (await world.post("/accounts", { name, password })).status;
    expect(await signUp("ana")).toBe(201);
    expect(await signUp("ana")).toBe(409);
    expect(await signUp("helper")).toBe(409);
    expect(await signUp("../ana")).toBe(400);
    expect(await signUp("bo", "short")).toBe(400);
    const wrong = { name: "ana", password: "wrong horse" };
    expect(await world.post("/session", wrong)).toEqual(
      await world.post("/session", { ...wrong, name: "nobody" }),
    );
    expect((await world.post("/token")).status).toBe(401);
  });

  test("has a bot that answers once, also when it is told again after a crash", async () => {
    const folder = temporaryFolder();
    const world = await openWorld(300, folder);
    const ana = world.client("ana", await world.logIn("ana"));
    const group = await ana.conversations.createGroup({ id: "deck", members: ["bo"] });
    await (
      await group.send("/who")
    ).stored; // Nobody has added it yet.
    await world.chat.system.addMembers("deck", ["helper"]);
    await world.chat.system.addMembers("deck", ["cy"]);
    await (
      await group.send("/who")
    ).stored;
    const said = async ({ chat }: World): Promise<(string | undefined)[]> => {
      const { entries } = await chat.system.history("deck");
      return entries.flatMap(({ senderId, text }) => (senderId === "helper" ? [text] : []));
    };
    const answers = ["Welcome cy! Try /help.", "Here are ana, bo, cy, helper."];
    await expect.poll(() => said(world), PATIENCE).toEqual(answers);
    await world.close();

    // It crashed before it had kept how far it had come.
    const database = new Database(join(folder, "app.db"));
    database.exec("DELETE FROM helper");
    database.close();
    const again = await openWorld(300, folder);
    await again.chat.as("ana").send("deck", "/help");
    await expect.poll(() => said(again), PATIENCE).toEqual([...answers, "I know /help, /who and /time."]);
  });

  test("runs as it stands: a server and two people at terminals, in processes of their own", async () => {
    const start = (
      file: string,
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): Program => new Program(file, args, env);
    const server = start("server.ts", [], { CHAT_DATA: temporaryFolder(), PORT: "0" });
    const url = (await server.says(/http:\/\/127\.0\.0\.1:\d+/))[0];
    const ana = start("client.ts", [url, "ana", PASSWORD, "deck", "bo"]);
    ana.write("hello\n");
    const bo = start("client.ts", [url, "bo", PASSWORD, "deck", "ana"]);
    await bo.says(/ana: hello/);
    bo.write("hello yourself\n");
    await ana.says(/bo: hello yourself/);
    for (const person of [ana, bo]) expect(await person.ends(() => person.close())).toBe(0);
    expect(await server.ends(() => server.kill())).toBe(0);
  });
});

/** One of the example's programs. */
class Program {
  readonly #child: ChildProcess;
  #said = "";

  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    // tsx finds the paths of the packages' sources in the tsconfig.json there.
    this.#child = spawn(
      process.execPath,
      ["--import", tsx, join(root, "examples/fastify/src", file), ...args],
      { cwd: root, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] },
    );
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#said);
      if (found !== null) return found;
      if (this.#child.exitCode !== null) throw new Error(`it ended, and had said: ${this.#said}`);
      await Promise.race([once(this.#child.stdout!, "data"), once(this.#child, "close")]);
    }
  }

  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  close(): void {
    this.#child.stdin!.end();
  }

  kill(): void {
    this.#child.kill("SIGTERM");
  }

  async ends(act: () => void): Promise<number | null> {
    const closed = once(this.#child, "close");
    act();
    const [code] = (await closed) as [number | null];
    return code;
  }
}
