// A server whose tokens live for two seconds, and who hands them out. Run in a process of its own by token-expiry.test.ts.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import type { Policy, TokenFigures } from "./token-figures.js";

const LIFE_MS = 2_000;
/** Long enough for a second request to meet the first. */
const ISSUE_MS = 50;

const secret = randomBytes(32);
let policy: Policy = "issue";
const figures: Record<string, TokenFigures> = {};

function sign(text: string): Buffer {
  return createHmac("sha256", secret).update(text).digest();
}

const database = new Database(join(process.env.CHAT_DATA!, "chat.db"));
const chat = createChatServer({
  store: sqlite(database),
  authenticate({ token }) {
    const [text = "", signature = ""] = token.split("|");
    const [given, expected] = [Buffer.from(signature, "base64url"), sign(text)];
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error("not ours");
    const [userId, expiresAt] = text.split(" ") as [string, string];
    return { userId, expiresAt: Number(expiresAt) };
  },
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}

/** Hands out a token for the user that the body names. */
async function issue(userId: string): Promise<string | undefined> {
  const own = (figures[userId] ??= { asked: 0, issued: 0, underWay: 0, mostUnderWay: 0 });
  own.asked++;
  own.mostUnderWay = Math.max(own.mostUnderWay, ++own.underWay);
  await new Promise((resolve) => setTimeout(resolve, ISSUE_MS));
  own.underWay--;
  // Of others, the tests need no hard days.
  const rule = userId === "ana" ? policy : "issue";
  if (rule === "refuse") return undefined;
  own.issued++;
  const text = `${userId} ${Date.now() + (rule === "stale" ? -LIFE_MS : LIFE_MS)}`;
  return `${text}|${sign(text).toString("base64url")}`;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? "/";
  if (url === "/token") {
    const token = await issue(await bodyOf(request));
    // An empty answer for none: what fails by its status, Chromium puts into the console.
    response.end(token);
  } else if (url === "/policy") {
    policy = (await bodyOf(request)) as Policy;
    response.end();
  } else if (url === "/figures") {
    response.end(JSON.stringify(figures));
  } else if (url === "/favicon.ico") {
    response.writeHead(204).end();
  } else {
    response.setHeader("content-type", "text/html").end("<!doctype html>");
  }
}

await chat.ready();
const server = createServer((request, response) => void answer(request, response));
chat.attach(server, { path: "/chat" });
server.listen(Number(process.env.PORT), process.env.HOST, () => {
  console.log(`The chat is at http://${process.env.HOST}:${(server.address() as AddressInfo).port}\n`);
});
