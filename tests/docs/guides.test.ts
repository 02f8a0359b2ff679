import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ExportLine } from "@chat/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The code of a guide's fence with this mark. */
function snippet(guide: string, mark: string, language = "ts"): string {
  const page = readFileSync(join(root, "docs/guides", guide), "utf8");
  const code = new RegExp(`\`\`\`${language} ${mark}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1];
  if (code === undefined) throw new Error(`${guide} has no snippet marked ${mark}`);
  return code;
}

/** Replaces what must be there, so that a changed guide does not pass untested. */
function replaceIn(code: string, replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the guide no longer says ${from}`);
    return text.replaceAll(from, to);
  }, code);
}

describe("the guides' snippets run as they stand", () => {
  // Inside the workspace, where the packages' names resolve.
  let folder: string;
  const run = async <T>(name: string, code: string): Promise<T> => {
    writeFileSync(join(folder, `${name}.ts`), code);
    return (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as T;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(root, "tests/docs/.guides-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("of testing with the real server", async () => {
    await run("test-server", snippet("test-your-app.md", "server"));
  });

  it("of testing with virtual time", async () => {
    await run("test-clock", snippet("test-your-app.md", "clock"));
  });

  it("of getting started", async () => {
    const server = replaceIn(snippet("getting-started.md", "server"), [
      ['"chat.db"', JSON.stringify(join(folder, "chat.db"))],
      [
        "const chat =",
        "const userOfSession = (token: string) => Promise.resolve(token);\nexport const chat =",
      ],
      ["const http = app.listen(3000)", 'export const http = app.listen(0, "127.0.0.1")'],
      ["console.log(level, event, fields)", "void [level, event, fields]"],
      ['process.once("SIGTERM", ', "void ("],
    ]);
    const { chat, http } = await run<{ chat: { close(): Promise<void> }; http: Server }>("server", server);
    if (!http.listening) await new Promise((resolve) => http.once("listening", resolve));
    const page = replaceIn(snippet("getting-started.md", "page"), [
      ['"/chat"', `"http://127.0.0.1:${(http.address() as AddressInfo).port}/chat"`],
      ['fetch("/session").then((answer) => answer.text())', '"ana"'],
      [
        "const chat =",
        "const drawn: unknown[] = [];\nconst draw = (...line: unknown[]) => drawn.push(line);\nexport const chat =",
      ],
      ["const { messageId }", "export const { messageId }"],
      ["const unsubscribe", "export const unsubscribe"],
    ]);
    const opened = await run<{ chat: { close(): Promise<void> }; messageId: number }>("page", page);
    expect(opened.messageId).toBe(2);
    await opened.chat.close();
    await chat.close();
    http.close();
  });

  it("of the client", async () => {
    const world = `import { fakeServer } from "@chat/client/testing";
      import { systemRuntime } from "@chat/protocol";
      const server = fakeServer({ runtime: systemRuntime() });
      const getToken = () => "a token";
      export const drawn: unknown[][] = [];
      const draw = (...what: unknown[]) => drawn.push(what);`;
    const all = snippet("client.md", "client") + snippet("client.md", "window");
    const code = replaceIn(all, [
      ['url: "/chat"', 'url: "wss://chat.test/", transport: server.connect'],
      ["const message =", "const { messageId } = { messageId: 1 };\nexport const message ="],
      ["const stop = window", "export const stopped = window"],
    ]);
    const { drawn, message } = await run<{ drawn: unknown[][]; message: { stored: Promise<object> } }>(
      "client",
      `${world}\n${code}\nawait client.close();`,
    );
    expect(await message.stored).toMatchObject({ text: "Noodles?", messageId: 2 });
    expect(drawn.length).toBeGreaterThan(0);
  });

  it("of exporting and importing", async () => {
    const inFolder = (name: string): string => JSON.stringify(join(folder, name));
    writeFileSync(join(folder, "history.jsonl"), snippet("export-and-import.md", "import", "jsonl"));
    writeFileSync(
      join(folder, "chat-of-transfer.ts"),
      `import Database from "better-sqlite3";
       import { createChatServer } from "@chat/server";
       import { sqlite } from "@chat/server/sqlite";
       const store = sqlite(new Database(":memory:"), { allowVolatile: true });
       export const chat = createChatServer({ store, authenticate: ({ token }) => ({ userId: token }) });`,
    );
    const withChat = (code: string): string => `import { chat } from "./chat-of-transfer.js";\n${code}`;
    const read = replaceIn(snippet("export-and-import.md", "import"), [
      ['"history.jsonl"', inFolder("history.jsonl")],
      ["const {", "export const {"],
      ["console.log(", "void ("],
    ]);
    const done = await run<{ messages: number; refused: number }>("import", withChat(read));
    expect(done).toMatchObject({ messages: 2, refused: 0 });
    const written = replaceIn(snippet("export-and-import.md", "export"), [
      ['"support-4711.jsonl"', inFolder("support-4711.jsonl")],
      ['"user-4711.jsonl"', inFolder("user-4711.jsonl")],
      ['"user-4711"', '"ana"'],
    ]);
    await run("export", withChat(`${written}\nawait chat.close();`));
    const linesOf = (name: string): ExportLine[] =>
      readFileSync(join(folder, name), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as ExportLine);
    const entries = linesOf("support-4711.jsonl").flatMap((line) =>
      line.type === "entry" ? [line.entry] : [],
    );
    expect(entries).toMatchObject([
      { kind: "created", createdAt: 1119868000000 },
      { kind: "roles-changed" },
      { messageId: 3, senderId: "ana", text: "Where is my parcel?", createdAt: 1119868500000 },
      { messageId: 4, senderId: "bo", text: "On its way.", replyTo: 3 },
    ]);
    expect(linesOf("user-4711.jsonl").at(-1)).toEqual({ type: "end", entries: 1 });
  });

  it("of coming from another chat: an export is imported, and imported again", async () => {
    writeFileSync(join(folder, "stream.jsonl"), snippet("migrate.md", "stream", "jsonl"));
    writeFileSync(
      join(folder, "chat-of-migration.ts"),
      `import Database from "better-sqlite3";
       import { createChatServer } from "@chat/server";
       import { sqlite } from "@chat/server/sqlite";
       const store = sqlite(new Database(":memory:"), { allowVolatile: true });
       export const chat = createChatServer({ store, authenticate: ({ token }) => ({ userId: token }) });`,
    );
    const code = replaceIn(snippet("migrate.md", "stream"), [
      ['"stream.jsonl"', JSON.stringify(join(folder, "stream.jsonl"))],
      ["const refused", "export const refused"],
      ["const done", "export const done"],
      ["console.log(", "void ("],
    ]);
    const world = `import { chat } from "./chat-of-migration.js";\n`;
    const first = await run<{ done: object; refused: string[] }>("migrate", world + code);
    expect(first).toMatchObject({ done: { conversations: 1, messages: 2, duplicates: 0 }, refused: [] });
    const again = await run<{ done: object }>(
      "migrate-again",
      `${world}${code}
       export const row = await chat.as("ana").conversation("messaging:order-7");
       export const { entries } = await chat.as("ana").history("messaging:order-7");
       export const { items } = await chat.as("bo").members("messaging:order-7");
       await chat.close();`,
    );
    expect(again).toMatchObject({
      done: { messages: 0, duplicates: 2 },
      row: { name: "Order 7", createdAt: Date.parse("2024-03-01T09:00:00Z") },
      items: [
        { userId: "ana", role: "member" },
        { userId: "bo", role: "owner" },
      ],
    });
    expect((again as unknown as { entries: object[] }).entries.slice(-2)).toMatchObject([
      {
        senderId: "ana",
        text: "Where is my parcel?",
        data: { attachments: [{ image_url: "https://files.example/parcel.jpg" }] },
        createdAt: Date.parse("2024-03-01T09:01:00Z"),
      },
      { senderId: "bo", text: "On its way.", createdAt: Date.parse("2024-03-01T09:02:00.5Z") },
    ]);
    const [asked, answered] = (
      again as unknown as { entries: { messageId: number; replyTo?: number }[] }
    ).entries.slice(-2);
    expect(answered!.replyTo).toBe(asked!.messageId);
  });
});
