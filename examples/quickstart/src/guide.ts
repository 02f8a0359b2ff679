import { createHash } from "node:crypto";
import { type Conversation, createChatClient } from "@chat/client";
import type { ChatServer } from "@chat/server";
import type { Login } from "./login.js";
import type { RecordedConversation } from "./recorded-conversation.js";

/** Who logs in gets an id in lower case, so that nobody is taken for the guide. */
const GUIDE = "Guide";
const EVERYBODY = "everybody";

const TO_TRY = `I am a small program inside of this example's server. Some things to try:

• Write to me. I know the words “later”, “many” and “help”.
• Be two people: behind your name, above the conversations, there is “Second person in a new tab”.
• Choose “Work offline”, below the conversations. Write something, close the tab, open it again: all is still there, and your messages leave once you are online.
• End the server with Ctrl-C, go on writing, and start it again.`;

const SOURCE = {
  speaker: GUIDE,
  text: "Real people had this conversation. Source: J. K. Kummerfeld et al., ACL 2019 (CC BY 4.0).",
};

/** What the guide is made of. */
export interface GuideOptions {
  /** Where the chat server is attached. */
  readonly url: string;
  readonly chat: ChatServer;
  readonly login: Login;
  readonly recorded: RecordedConversation;
}

/** Shows newcomers around. */
export interface Guide {
  /** Gives somebody who logs in for the first time something to look at; nothing happens the next time. */
  welcome(userId: string, name: string): Promise<void>;
  close(): Promise<void>;
}

/** A bot: an ordinary client, in Node. It has no rights that others don't have. */
export async function startGuide({ url, chat, login, recorded }: GuideOptions): Promise<Guide> {
  const client = createChatClient({ url, userId: GUIDE, token: () => login.tokenFor(GUIDE) });

  client.on("message", ({ conversation, message }) => {
    const isForMe = conversation.summary.type === "direct" && message.senderId !== GUIDE;
    if (isForMe && message.text !== undefined) void answer(conversation, message.text).catch(report);
  });

  const everybody = await client.conversations.createGroup({ id: EVERYBODY, name: "Everybody", members: [] });

  async function welcome(userId: string, name: string): Promise<void> {
    const direct = await client.conversations.createDirect(userId);
    if (direct.summary.latest !== undefined) return;
    await replay(userId);
    await everybody.addMembers([userId]);
    await (
      await everybody.send(`${name} is here.`)
    ).stored;
    await direct.send(`Hello ${name}, welcome!`);
    await (
      await direct.send(TO_TRY)
    ).stored;
  }

  /**
   * Each newcomer gets the recorded conversation as a group of its own, since members of a group see what
   * was said from the time on when they joined. The speakers write through the HTTP service, as a backend
   * of yours would. Each line has an idempotency key, so if the server dies half-way it can all be done
   * again, and no line is there twice.
   */
  async function replay(userId: string): Promise<void> {
    const id = `ubuntu-2005/${userId}`;
    await client.conversations.createGroup({
      id,
      name: "#ubuntu, June 2005",
      members: [userId, ...recorded.speakers],
    });
    for (const [index, { speaker, text, saidAt }] of [
      { ...SOURCE, saidAt: Date.now() },
      ...recorded.lines,
    ].entries()) {
      const response = await chat.fetch(
        new Request(`http://chat/conversations/${encodeURIComponent(id)}/messages`, {
          method: "POST",
          headers: { authorization: `Bearer ${login.tokenFor(speaker)}` },
          body: JSON.stringify({ clientMessageId: uuidOf(`${id} ${index}`), text, data: { saidAt } }),
        }),
      );
      if (!response.ok) throw new Error(`The recorded conversation was refused: ${await response.text()}`);
    }
  }

  return {
    async welcome(userId, name) {
      // Who cannot be shown around can log in all the same.
      await welcome(userId, name).catch(report);
    },
    close: () => client.close(),
  };
}

async function answer(conversation: Conversation, text: string): Promise<void> {
  if (/\bhelp\b/i.test(text)) {
    await conversation.send(TO_TRY);
  } else if (/\blater\b/i.test(text)) {
    await conversation.send("In ten seconds, then. Go offline meanwhile, if you like.");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    await conversation.send("Here I am. If you were offline, you have missed nothing.");
  } else if (/\bmany\b/i.test(text)) {
    for (let number = 1; number <= 40; number++) await conversation.send(`This is message ${number} of 40.`);
  } else {
    await conversation.send(
      "I am too small a program to understand that, but I have read it. Say “help” if you like.",
    );
  }
}

/** The same text always has the same UUID. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
}

function report(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
}
