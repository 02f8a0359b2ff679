import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChatClient, createChatClient } from "@chat/client";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { ENGINE_URLS, isUp } from "../../packages/server/test/engines/engine-urls.js";
import { PATIENCE } from "./patience.js";

const folder = fileURLToPath(new URL("../../examples/cluster/", import.meta.url));
const program = join(folder, "dist/start.js");

interface ServerView {
  readonly serverId: string;
  readonly role: "chat" | "http";
  readonly state: "up" | "draining" | "gone";
  readonly pid: number;
  readonly users: readonly string[];
}

/** A database of its own, dropped when the test is over. */
async function ownDatabase(): Promise<string> {
  const name = `chat_cluster_${process.pid}_${Date.now()}`;
  const url = new URL(ENGINE_URLS.postgres);
  onTestFinished(async () => {
    const client = new Client({ connectionString: ENGINE_URLS.postgres });
    await client.connect();
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  });
  url.pathname = `/${name}`;
  return url.href;
}

function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CHAT_REDIS: ENGINE_URLS.redis,
    CHAT_NATS: ENGINE_URLS.nats,
    PORT: "0",
    BROWSER: "none",
    ...more,
  };
}

/** The first words that the example prints and that fit. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const hear = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = pattern.exec(output);
      if (found !== null) resolve(found[1]!);
    };
    child.stdout!.on("data", hear);
    child.stderr!.on("data", hear);
    child.once("exit", () => reject(new Error(`The example has ended: ${output}`)));
  });
}

async function startCluster(fanout: string) {
  const data = mkdtempSync(join(tmpdir(), "chat-cluster-"));
  const env = environment({ CHAT_FANOUT: fanout, CHAT_POSTGRES: await ownDatabase(), CHAT_DATA: data });
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  });
  const address = await said(child, /The chat is at (\S+)/);

  async function status(): Promise<readonly ServerView[]> {
    const answer = await fetch(`${address}/cluster/status`);
    return ((await answer.json()) as { servers: ServerView[] }).servers;
  }

  async function logIn(name: string, options: { readonly discover?: true } = {}): Promise<ChatClient> {
    const answer = await fetch(`${address}/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    const { userId, token } = (await answer.json()) as { userId: string; token: string };
    const client = createChatClient({ url: `${address}/chat`, userId, token, ...options });
    onTestFinished(() => client.close());
    return client;
  }

  return { address, status, logIn };
}

function textsOf(client: ChatClient): (string | undefined)[] {
  const room = client.conversations.items.find(({ id }) => id === "everybody");
  return room?.timeline.messages.map(({ text }) => text).filter((text) => text !== undefined) ?? [];
}

/** The users by the chat server that carries them, each sorted. */
function carriedBy(servers: readonly ServerView[]): Record<string, readonly string[]> {
  const chat = servers.filter(({ role }) => role === "chat");
  return Object.fromEntries(chat.map(({ serverId, users }) => [serverId, users]));
}

for (const fanout of ["redis", "nats"] as const) {
  const isThere = existsSync(program) && (await isUp("postgres")) && (await isUp(fanout));
  describe.skipIf(!isThere)(`the example of a cluster, on PostgreSQL and ${fanout}`, () => {
    test("goes on when one of its servers is killed", { timeout: 120_000 }, async () => {
      const { address, status, logIn } = await startCluster(fanout);
      expect((await fetch(address)).status).toBe(200);
      const names = ["ana", "bo", "cy", "dan", "eve", "fay"];
      const clients: ChatClient[] = [];
      // Half of them by the proxy, half where the servers say.
      for (const [index, name] of names.entries()) {
        clients.push(await logIn(name, index % 2 === 0 ? {} : { discover: true }));
        await expect.poll(() => clients[index]!.status.synced, PATIENCE).toBe(true);
      }
      const carried = async (): Promise<string[]> =>
        Object.values(carriedBy(await status()))
          .flat()
          .sort();
      await expect.poll(carried, PATIENCE).toEqual(names);
      const victim = (await status()).find(({ users }) => users.length > 0)!;

      const rooms = clients.map((client) => client.conversations.items.find(({ id }) => id === "everybody")!);
      const sent: string[] = [];
      async function say(speaker: number, text: string): Promise<void> {
        sent.push(text);
        await (
          await rooms[speaker]!.send(text)
        ).stored;
      }
      for (const [speaker, name] of names.entries()) await say(speaker, `${name} before`);
      process.kill(victim.pid, "SIGKILL");
      for (const [speaker, name] of names.entries()) await say(speaker, `${name} after`);

      const states = async (): Promise<string[]> => (await status()).map(({ state }) => state);
      await expect
        .poll(states, PATIENCE)
        .toEqual((await status()).map(({ serverId }) => (serverId === victim.serverId ? "gone" : "up")));
      await expect.poll(carried, PATIENCE).toEqual(names);
      expect(carriedBy(await status())[victim.serverId]).toEqual([]);
      for (const client of clients) await expect.poll(() => textsOf(client), PATIENCE).toEqual(sent);
    });
  });
}

test.skipIf(!existsSync(program))("the example of a cluster says which engine is missing", async () => {
  const env = environment({ CHAT_POSTGRES: "postgres://postgres:secret@127.0.0.1:9/chat" });
  const child = spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "pipe"] });
  expect(await said(child, /✗ (.*)\n/)).toMatch(
    /^PostgreSQL is not to be had at postgres:\/\/127\.0\.0\.1:9\/chat \(.*ECONNREFUSED.*\)\. Start it there, or set CHAT_POSTGRES/,
  );
});
