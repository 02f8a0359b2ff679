// A process of its own that appends into a SQLite file, and says on its standard output what was acknowledged:
//   tsx append-child.ts <file> <senderId> <appends, 0 for ever> <conversations…>
import { newUuid, systemRuntime } from "@chat/protocol";
import Database from "better-sqlite3";
import { sqlite } from "../../src/store/sqlite/index.js";
import { printAtOnce } from "./print-at-once.js";

const [file, senderId, appends, ...conversations] = process.argv.slice(2);
const runtime = systemRuntime();
const store = sqlite(new Database(file));
await store.open({ runtime, groupMembers: 100 });
printAtOnce("open");

let left = Number(appends) || Infinity;
async function appendAlways(deviceId: string): Promise<void> {
  while (left-- > 0) {
    const clientMessageId = newUuid(runtime.random);
    const conversationId = conversations[Math.floor(runtime.random.float() * conversations.length)]!;
    const draft = {
      conversationId,
      senderId: senderId!,
      deviceId,
      clientMessageId,
      kind: "text",
      text: "x".repeat(100),
    };
    const [outcome] = await store.messages.append([
      { ...draft, createdAt: runtime.clock.now(), countsAsUnread: true, membershipVersion: 1 },
    ]);
    if (outcome!.status === "refused") printAtOnce(`refused ${outcome!.error.code}`);
    else printAtOnce(`${conversationId} ${outcome!.entry.messageId} ${clientMessageId}`);
  }
}
await Promise.all(Array.from({ length: 10 }, () => appendAlways(newUuid(runtime.random))));
await store.close();
