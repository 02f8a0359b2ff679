import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The code of the README's fence with this mark. */
function snippet(mark: string): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const code = new RegExp(`\`\`\`ts ${mark}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (code === undefined) throw new Error(`the README has no snippet marked ${mark}`);
  return code;
}

/** Replaces what must be there, so that a changed README does not pass untested. */
function replaceIn(code: string, replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the README no longer says ${from}`);
    return text.replace(from, to);
  }, code);
}

describe("the README's snippets", () => {
  // Inside the workspace, where the packages' names resolve.
  const folder = mkdtempSync(join(root, "tests/docs/.readme-"));
  let port: number;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const server = replaceIn(snippet("server"), [
      ['"chat.db"', JSON.stringify(join(folder, "chat.db"))],
      ["chat.attach(app.listen(3000)", 'export const http = app.listen(0, "127.0.0.1");\nchat.attach(http'],
      ["const chat =", "const verify = (token: string) => Promise.resolve(token);\nexport const chat ="],
    ]);
    writeFileSync(join(folder, "server.ts"), server);
    const loaded = (await import(pathToFileURL(join(folder, "server.ts")).href)) as {
      chat: { close(): Promise<void>; ready(): Promise<void> };
      http: Server;
    };
    await loaded.chat.ready();
    if (!loaded.http.listening) await once(loaded.http, "listening");
    ({ port } = loaded.http.address() as AddressInfo);
    close = async () => {
      await loaded.chat.close();
      await new Promise<void>((resolve) => loaded.http.close(() => resolve()));
    };
  });

  afterAll(async () => {
    await close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("run as they stand: the message is shown, sent and acknowledged", async () => {
    const client = replaceIn(snippet("client"), [
      ['"/chat"', `"http://127.0.0.1:${port}/chat"`],
      ["const chat =", 'const getToken = () => "ana";\nexport const chat ='],
      [
        "room.timeline.subscribe",
        "export const rendered: { text?: string; state: string }[][] = [];\nconst render = (messages: any) => rendered.push(messages);\nroom.timeline.subscribe",
      ],
      ["await message.stored;", "export const stored = await message.stored;"],
    ]);
    writeFileSync(join(folder, "client.ts"), client);
    const loaded = (await import(pathToFileURL(join(folder, "client.ts")).href)) as {
      chat: { close(): Promise<void> };
      rendered: { text?: string; state: string }[][];
      stored: { messageId: number };
    };
    expect(loaded.stored.messageId).toBe(2);
    const states = loaded.rendered.map((messages) => messages.find(({ text }) => text === "hello")?.state);
    expect(states).toContain("pending");
    expect(states[states.length - 1]).toBe("stored");
    const health = await fetch(`http://127.0.0.1:${port}/chat/health`);
    expect(await health.json()).toEqual({ status: "ok" });
    await loaded.chat.close();
  });
});
