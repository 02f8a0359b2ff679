// The SDK as the README mounts it: authorized, ordered, durable, back-pressure on.
import { createServer } from "node:http";
import { createChatServer } from "@chat/server";
import { servePage } from "../browser/serve-page.js";
import { openEngines } from "./engines.js";
import { serve } from "./serve.js";

const counted = { statements: 0, writes: 0, publishes: 0 };
const engines = await openEngines(process.argv[2]!, counted);
// One connection sends here what a thousand people would: the rates that stop such a flood are raised, not switched off.
const many = 10_000_000;
const settings = {
  sendBurst: many,
  sendRate: many,
  readBurst: many,
  readRate: many,
  listBurst: many,
  listRate: many,
};
const more = {
  writeBurst: many,
  writeRate: many,
  frameBurst: many,
  frameRate: many,
  byteBurst: 1e12,
  byteRate: 1e12,
  // What is measured is pushed, however much it is.
  largeGroupOnline: many,
};
const chat = createChatServer({
  ...engines.options,
  authenticate: ({ token }) => ({ userId: token }),
  settings: {
    ...settings,
    ...more,
    unidentifiedPerAddress: 10_000,
    connectionsPerUser: 10_000,
    ...(JSON.parse(process.env["CHAT_BENCH_SETTINGS"] ?? "{}") as object),
  },
});
const page = process.env["CHAT_BENCH_PAGE"];
const server = createServer(page === undefined ? chat.handler : servePage(page));
chat.attach(server, { path: "/chat" });
await chat.ready();
serve(
  server,
  async () => {
    await chat.close();
    await engines.close();
  },
  counted,
);
