import { createInterface } from "node:readline";
import { createChatClient } from "@chat/client";

/** A client for the terminal: `node dist/client.js URL NAME PASSWORD GROUP [MEMBER…]`. */
const [url, name, password, group, ...members] = process.argv.slice(2);
if (url === undefined || name === undefined || password === undefined || group === undefined) {
  console.error("Usage: client URL NAME PASSWORD GROUP [MEMBER…]");
  process.exit(2);
}

async function post(path: string, headers: Record<string, string>, body?: object): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const said = (await answer.json()) as { error?: string };
  if (!answer.ok && answer.status !== 409) throw new Error(said.error ?? `HTTP ${answer.status}`);
  return said;
}

await post("/accounts", {}, { name, password });
const { session } = (await post("/session", {}, { name, password })) as { session: string };

const chat = createChatClient({
  url: `${url}/chat`,
  userId: name,
  // Called for every connect, and again before a token expires: the connection lasts.
  async token() {
    const { token } = (await post("/token", { authorization: `Bearer ${session}` })) as { token: string };
    return token;
  },
});

const conversation = await chat.conversations.createGroup({ id: group, members });

/** Prints what others said, each line once, older ones first. */
const printed = new Set<string>();
function print(): void {
  for (const { key, senderId, text, state } of conversation.timeline.messages) {
    if (state !== "stored" || senderId === name || text === undefined || printed.has(key)) continue;
    printed.add(key);
    console.log(`${senderId}: ${text}`);
  }
}
conversation.timeline.subscribe(print);
print();

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== "") await (await conversation.send(line)).stored;
}
await chat.close();
