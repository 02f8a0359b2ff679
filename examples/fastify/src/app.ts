import { ChatError, createChatServer, type ChatServer } from "@chat/server";
import { chatFastify } from "@chat/server/fastify";
import { sqlite } from "@chat/server/sqlite";
import type { Database } from "better-sqlite3";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { openAccounts, type Session } from "./accounts.js";
import { HELPER, startHelper } from "./helper.js";
import { createTokens } from "./tokens.js";

/** What the application is made of. */
export interface AppOptions {
  /** Where accounts, messages and the bot's position live. */
  readonly database: Database;
  /** Signs the tokens: 32 random bytes. */
  readonly secret: Uint8Array;
  /** Seconds until a token expires. */
  readonly tokenLife: number;
  /** Whether lines are logged. */
  readonly logs: boolean;
}

interface Credentials {
  readonly name: string;
  readonly password: string;
}

const credentials = {
  type: "object",
  required: ["name", "password"],
  additionalProperties: false,
  properties: {
    name: { type: "string", pattern: "^[a-z0-9-]{1,30}$" },
    password: { type: "string", minLength: 8, maxLength: 200 },
  },
};

/** A Fastify application with accounts of its own, and the chat as one more part of it. */
export async function createApp(options: AppOptions): Promise<{ app: FastifyInstance; chat: ChatServer }> {
  const app = fastify({ logger: options.logs });
  const accounts = openAccounts(options.database);
  const tokens = createTokens(options.secret, options.tokenLife);

  // The chat server: where messages live, and whose a token is. ---------------------------------------------
  const chat = createChatServer({
    store: sqlite(options.database),
    async authenticate({ token }) {
      const { session, expiresAt } = await tokens.verify(token);
      if (!accounts.isOpen(session.id)) throw new ChatError("unauthenticated", "Log in again.");
      // The connection asks for the next token before this one expires, and lasts.
      return { userId: session.userId, expiresAt };
    },
    log: (level, event, fields) => app.log[level](fields, event),
  });
  await app.register(chatFastify, { prefix: "/chat", chat });
  await chat.ready();
  const helper = startHelper(chat, options.database);
  helper.done.catch((error: unknown) => app.log.error(error, "the helper has ended"));
  app.addHook("preClose", async () => {
    await helper.end().catch(() => {});
    await chat.close();
  });

  // The application's own routes. ----------------------------------------------------------------------------
  function sessionOf({ headers }: FastifyRequest): Session | undefined {
    const secret = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
    return secret === undefined ? undefined : accounts.session(secret);
  }

  app.post<{ Body: Credentials }>("/accounts", { schema: { body: credentials } }, async (request, reply) => {
    const { name, password } = request.body;
    if (name === HELPER || !(await accounts.register(name, password))) {
      return reply.code(409).send({ error: "This name is taken." });
    }
    return reply.code(201).send({ userId: name });
  });

  app.post<{ Body: Credentials }>("/session", { schema: { body: credentials } }, async (request, reply) => {
    const secret = await accounts.logIn(request.body.name, request.body.password);
    if (secret === undefined) return reply.code(401).send({ error: "Name or password is wrong." });
    return { session: secret };
  });

  app.post("/token", async (request, reply) => {
    const session = sessionOf(request);
    if (session === undefined) return reply.code(401).send({ error: "Log in." });
    return { token: await tokens.issue(session) };
  });

  app.delete("/session", async (request, reply) => {
    const session = sessionOf(request);
    if (session !== undefined) {
      accounts.end(session.id);
      // The user's other devices connect again by themselves; those of this session are refused.
      await chat.disconnect({ userId: session.userId });
    }
    return reply.code(204).send();
  });

  return { app, chat };
}
