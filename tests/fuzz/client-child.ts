// The client under test, talking to a hostile server, and beside it in the same process a bystander's client that
// talks to a good one. Started by fuzz.ts.
import { type ChatClient, type ChatError, createChatClient, isChatError } from "@chat/client";
import { type Runtime, systemRuntime } from "@chat/protocol";
import { report, underTest } from "./child-report.js";

const [goodUrl, hostileUrl, token] = process.argv.slice(2) as [string, string, string];

/** How much faster the victim's time goes, so that its backoff does not take up the run. */
const HASTE = 50;
/** So many messages of the victim wait in its outbox at most. */
const OUTBOX = 200;

const real = systemRuntime();
const runtime: Runtime = {
  ...real,
  clock: {
    ...real.clock,
    monotonic: () => real.clock.monotonic() * HASTE,
    schedule: (delay, callback) => real.clock.schedule(delay / HASTE, callback),
  },
};

const bystander = createChatClient({ url: goodUrl, userId: "ana", token });
let said = 0;

/** What is no refusal, and no fault of the connection or the server, is one of the client. */
function defect({ code, cause }: ChatError): void {
  if (code === "internal" && cause instanceof Error) report({ type: "defect", line: String(cause.stack) });
}
bystander.on("error", defect);

let victim: ChatClient | undefined;
let sent = 0;

function startVictim(): ChatClient {
  const client = createChatClient({
    url: hostileUrl,
    userId: "victim",
    token: "victim",
    runtime,
    requestTimeout: 20_000,
  });
  const read = (): void => {
    // What an application does with whatever comes.
    for (const conversation of client.conversations.items) {
      void conversation.summary;
      const { timeline } = conversation;
      void timeline.messages;
      if (timeline.hasOlder && !loading.has(conversation.id)) {
        loading.add(conversation.id);
        void expectRefusal(timeline.loadOlder({ limit: 10 })).finally(() => loading.delete(conversation.id));
      }
    }
    for (const { summary } of client.conversations.items.slice(0, 5)) {
      void client.users.get(summary.latest?.senderId ?? "ana");
    }
  };
  const loading = new Set<string>();
  client.on("error", defect);
  client.conversations.subscribe(read);
  return client;
}

/** What an application does when the client has stopped: a lie may have told it that its token is another user's. */
function carryOn(client: ChatClient): void {
  if (client.status.connection === "stopped") client.connect();
}

/** A request that a hostile server answers may fail, but only in the way that the documentation names. */
async function expectRefusal(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isChatError(error)) throw error;
  }
}

const orders: Record<string, (argument: unknown) => unknown> = {
  /** The bystander says something to the other one. */
  async say(conversationId) {
    const room = await bystander.conversations.fetch(conversationId as string);
    await (
      await room.send(`ana ${++said}`)
    ).stored;
    return said;
  },
  async log(conversationId) {
    const { timeline } = await bystander.conversations.fetch(conversationId as string);
    void timeline.messages;
    while (timeline.hasOlder) await timeline.loadOlder({ limit: 200 });
    return timeline.messages.map(({ text, state }) => `${state} ${text ?? ""}`);
  },
  act() {
    victim ??= startVictim();
    const client = victim;
    carryOn(client);
    const [first] = client.conversations.items;
    if (first !== undefined && client.status.pending < OUTBOX) {
      void expectRefusal(first.send(`victim ${++sent}`).then(({ stored }) => stored));
    }
    void expectRefusal(client.conversations.createGroup({ members: ["ana"] }));
    void expectRefusal(client.conversations.fetch(`room-${sent % 7}`));
    void expectRefusal(client.users.setProfile({ name: "Victim" }));
    if (first !== undefined) void expectRefusal(first.members());
  },
  /** What the victim holds, once its server is honest and it has synced with it. */
  async truth() {
    const client = victim!;
    const isThrough = (): boolean =>
      client.status.connection === "online" && client.status.synced && client.status.pending === 0;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        carryOn(client);
        if (isThrough()) resolve();
      };
      client.subscribe(look);
      look();
    });
    return client.conversations.items.map(({ id }) => id).sort();
  },
  /** What the victim says of itself. */
  state() {
    return JSON.stringify(victim!.status);
  },
};

underTest(
  async () => {
    await victim?.close();
    await bystander.close();
  },
  (what, argument) => orders[what]!(argument),
);
await bystander.ready();
report({ type: "listening", ports: [] });
