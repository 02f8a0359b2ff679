import { isDeepStrictEqual } from "node:util";
import { type ChatClient, type Conversation, createChatClient } from "@chat/client";
import { within } from "../replay/wait-until.js";
import type { Child } from "./child.js";

/** ms within which a message is with both, whatever else goes on. */
const PATIENCE = 30_000;

/** Two who talk through the server under test: Bo's client is in this process, Ana's in that of the client under test. */
export class Bystanders {
  readonly #room: string;
  readonly #ana: Child;
  readonly #bo: ChatClient;
  readonly #heard: string[] = [];
  #talk: Conversation | undefined;
  #said = 0;

  constructor(options: { url: string; token: string; room: string; ana: Child }) {
    this.#room = options.room;
    this.#ana = options.ana;
    this.#bo = createChatClient({ url: options.url, userId: "bo", token: options.token });
    this.#bo.on("message", ({ conversation, message }) => {
      if (conversation.id === this.#room && message.text !== undefined) this.#heard.push(message.text);
    });
  }

  /** Messages of both. */
  get messages(): number {
    return 2 * this.#said;
  }

  async meet(): Promise<void> {
    this.#talk = await this.#bo.conversations.createGroup({ id: this.#room, members: ["ana"] });
  }

  /** Each says something, and it is stored. */
  async exchange(): Promise<void> {
    this.#said++;
    const stored = async (): Promise<unknown> => (await this.#talk!.send(`bo ${this.#said}`)).stored;
    const both = Promise.all([stored(), this.#ana.do("say", this.#room)]);
    await within(both, PATIENCE, () => "a bystander's message is stored");
  }

  /** @returns what is wrong with what they hold, or undefined */
  async disagreement(): Promise<string | undefined> {
    const { timeline } = this.#talk!;
    while (timeline.hasOlder) await timeline.loadOlder({ limit: 200 });
    const bo = timeline.messages.map(({ text, state }) => `${state} ${text ?? ""}`);
    const ana = await this.#ana.do("log", this.#room);
    if (!isDeepStrictEqual(ana, bo)) return `Ana holds ${JSON.stringify(ana)}, Bo ${JSON.stringify(bo)}`;
    for (const name of ["ana", "bo"]) {
      const expected = Array.from({ length: this.#said }, (_, index) => `stored ${name} ${index + 1}`);
      const said = bo.filter((text) => text.includes(` ${name} `));
      if (!isDeepStrictEqual(said, expected)) return `${name} said ${JSON.stringify(said)}`;
      const heard = this.#heard.filter((text) => text.startsWith(`${name} `));
      if (heard.length !== this.#said) return `of ${name} Bo heard ${JSON.stringify(heard)}`;
    }
    // The first entry is the group's creation.
    return bo.length === 2 * this.#said + 1 ? undefined : `somebody else spoke: ${JSON.stringify(bo)}`;
  }

  close(): Promise<void> {
    return this.#bo.close();
  }
}
