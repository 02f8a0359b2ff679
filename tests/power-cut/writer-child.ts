// A chat server and its clients in one process, whose writes and syncs are recorded. Started by record-trace.ts.
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createChatClient } from "@chat/client";
import { type ChatStore, createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { ACKNOWLEDGED, type Plant, ROOM } from "./record-trace.js";

const [file, plant, messages] = process.argv.slice(2) as [string, Plant, string];
const STDERR = 2;
/** Clients at a time, so that commits are shared. */
const CLIENTS = 4;

/** A line in the recorded trace, in order with the writes: from here on the message may be acknowledged. */
function acknowledge(text: string): void {
  writeSync(STDERR, `${ACKNOWLEDGED}${text}\n`);
}

/** Says of each message when the store has promised it. */
function marking(store: ChatStore): ChatStore {
  return {
    conversations: store.conversations,
    housekeeping: store.housekeeping,
    pushes: store.pushes,
    open: (options) => store.open(options),
    watch: (listener) => store.watch(listener),
    close: () => store.close(),
    messages: {
      find: (key) => store.messages.find(key),
      read: (query) => store.messages.read(query),
      wipe: (query) => store.messages.wipe(query),
      heads: (ids) => store.messages.heads(ids),
      async append(drafts) {
        if (plant === "early") for (const { text } of drafts) if (text !== undefined) acknowledge(text);
        const outcomes = await store.messages.append(drafts);
        for (const outcome of outcomes) {
          if (outcome.status !== "refused" && outcome.entry.text !== undefined)
            acknowledge(outcome.entry.text);
        }
        return outcomes;
      },
    },
  };
}

const database = new Database(file);
// Small, so that few messages make many checkpoints, which is where the log begins anew.
database.pragma("wal_autocheckpoint = 40");
const chat = createChatServer({
  store: marking(sqlite(database)),
  authenticate: ({ token }) => ({ userId: token }),
});
await chat.ready();
if (plant === "normal" || plant === "off") database.pragma(`synchronous = ${plant}`);
const http = createServer();
chat.attach(http, { path: "/chat" });
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chat`;
const users = Array.from({ length: CLIENTS }, (_, index) => `user-${index + 1}`);
const clients = users.map((userId) => createChatClient({ url, userId, token: userId }));
await clients[0]!.conversations.createGroup({ id: ROOM, members: users });
await Promise.all(
  clients.map(async (client, index) => {
    const room = await client.conversations.fetch(ROOM);
    for (let number = 1; number <= Number(messages) / CLIENTS; number++) {
      // Of all sizes, so that entries lie on pages of their own, too.
      const sent = await room.send(`${users[index]}#${number} `.padEnd(20 + ((number * 37) % 900), "x"));
      // Some at a time, then a pause for the acknowledgement.
      if (number % 3 === 0) await sent.stored;
    }
    while (client.status.pending > 0) {
      await new Promise<void>((resolve) => {
        const end = client.subscribe(() => {
          end();
          resolve();
        });
      });
    }
    await client.close();
  }),
);
// As a power cut would have it: nothing is closed in order.
process.kill(process.pid, "SIGKILL");
