// The server that is flooded, in a process of its own, with every limit at its default.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createChatServer, type ImportRow, type Metrics } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { report, underTest } from "../fuzz/child-report.js";

const [file] = process.argv.slice(2) as [string];

const refusals: Record<string, number> = {};
let worstDelay = 0;
const metrics: Metrics = {
  counter(name, increment, labels) {
    if (name === "chat_refusals_total") refusals[labels!.code] = (refusals[labels!.code] ?? 0) + increment;
  },
  gauge: () => {},
  histogram(name, value) {
    if (name === "chat_event_loop_delay_milliseconds") worstDelay = Math.max(worstDelay, value);
  },
};

const database = new Database(file);
const chat = createChatServer({
  store: sqlite(database),
  authenticate({ token }) {
    if (token === "wrong") throw new Error("no such token");
    return { userId: token };
  },
  // The flooder and its neighbours come from one machine; in the wild they have addresses of their own.
  clientAddress: ({ headers }) => String(headers["x-forwarded-for"]),
  metrics,
  settings: { metricsInterval: 250 },
});

/** What Eve, who floods, asks for: a group with some history, and a long list of conversations. */
function* eves(): Generator<ImportRow> {
  for (let number = 0; number < 400; number++) {
    const conversationId = number === 0 ? "eve's" : `eve's ${number}`;
    yield { type: "conversation", conversationId, conversationType: "group", members: ["eve"] };
  }
  for (let number = 0; number < 1_000; number++) {
    const text = `${number} ${"x".repeat(500)}`;
    const externalId = `${number}`;
    yield { type: "message", conversationId: "eve's", externalId, senderId: "eve", createdAt: number, text };
  }
}

const http = createServer((request, response) => {
  request.url = request.url?.replace(/^\/chat(?=[/?]|$)/, "");
  chat.handler(request, response);
});

underTest(
  async () => {
    await chat.close();
    http.closeAllConnections();
    database.close();
  },
  async (order) => {
    if (order !== "figures") throw new Error(`there is no order ${order}`);
    const figures = { refusals: { ...refusals }, worstDelay };
    worstDelay = 0;
    for (const code of Object.keys(refusals)) refusals[code] = 0;
    return figures;
  },
);

await chat.ready();
await chat.importHistory(eves());
chat.attach(http, { path: "/chat" });
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
report({ type: "listening", ports: [(http.address() as AddressInfo).port] });
