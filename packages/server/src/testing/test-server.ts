import { ChatError, isChatError, type Runtime, SUBPROTOCOL, systemRuntime } from "@chat/protocol";
import type { ChatServer } from "../chat-server.js";
import { createChatServer } from "../create-chat-server.js";
import type { ChatServerOptions } from "../chat-server-options.js";
import type { ChatStore } from "../store/chat-store.js";
import type { AppendOutcome, Draft, MessageStore } from "../store/message-store.js";

/** How a test server and its network misbehave. All may be set and changed at any time. */
export interface TestFaults {
  /** True while no connection can be made; those that are open stay. See {@link TestServer.cut}. */
  unreachable?: boolean | undefined;
  /** ms that a message travels in each direction; 0 by default. */
  latency?: number | undefined;
  /** Refuses an entry instead of storing it: a ChatError like `rate_limited`, `overloaded`, `forbidden`. */
  append?: ((draft: Draft) => ChatError | undefined) | undefined;
}

/** A WebSocket in memory, as a page has it. */
export interface TestSocket {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  onerror: (() => void) | null;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
}

/** What a test server is made of: the server's own options, of which the store alone is needed. */
export type TestServerOptions = Pick<ChatServerOptions, "store"> & Partial<ChatServerOptions>;

/** The real server for an application's own tests: no port, no network, faults as they are wanted. */
export interface TestServer {
  readonly chat: ChatServer;
  readonly faults: TestFaults;
  /** Takes the place of the network: `createChatClient({ url: "wss://chat.test/", transport: server.connect, … })`. */
  connect(url: string, protocols: readonly string[]): TestSocket;
  /** Breaks the open connections, as a network does: no side is told why. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * Creates a {@link TestServer}. Without `authenticate` every token is good, and is the id of its user.
 * With a `runtime` of its own (see `virtualRuntime` of `@chat/client/testing`) time passes when the test says so.
 */
export function testServer(options: TestServerOptions): TestServer {
  const runtime: Runtime = options.runtime ?? systemRuntime(options.log);
  const { clock } = runtime;
  const faults: TestFaults = {};
  const cuts = new Set<() => void>();
  const chat = createChatServer({
    authenticate: ({ token }) => ({ userId: token }),
    ...options,
    runtime,
    store: withFaults(options.store, faults),
  });

  function connect(_url: string, protocols: readonly string[]): TestSocket {
    let session: ReturnType<ChatServer["accept"]> | undefined;
    let over = false;
    /** Runs after the way through the network, in order. */
    const travel = (arrive: () => void): void => void clock.schedule(faults.latency ?? 0, arrive);

    function end(code: number): void {
      if (over) return;
      over = true;
      cuts.delete(cut);
      session?.socketClosed();
      travel(() => socket.onclose?.({ code }));
    }
    const cut = (): void => end(1006);

    const socket: TestSocket = {
      binaryType: "",
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send(bytes) {
        const copy = bytes.slice();
        travel(() => {
          if (!over) session?.receive(copy);
        });
      },
      close: (code = 1005) => end(code),
    };
    travel(() => {
      if (over) return;
      if (faults.unreachable === true || !protocols.includes(SUBPROTOCOL)) return cut();
      cuts.add(cut);
      session = chat.accept(
        {
          send(bytes) {
            const { buffer } = bytes.slice();
            travel(() => {
              if (!over) socket.onmessage?.({ data: buffer });
            });
          },
          close: (code) => travel(() => end(code)),
          bufferedBytes: 0,
        },
        { headers: {}, address: undefined },
      );
      socket.onopen?.();
    });
    return socket;
  }

  return {
    chat,
    faults,
    connect,
    cut() {
      for (const cut of [...cuts]) cut();
    },
    close: () => chat.close(),
  };
}

/**
 * The store, but for what is refused. A key that is known is answered all the same, and nothing of a device is stored behind what may be stored
 * later, as with any store.
 */
function withFaults(store: ChatStore, faults: TestFaults): ChatStore {
  const { messages } = store;
  return {
    conversations: store.conversations,
    housekeeping: store.housekeeping,
    pushes: store.pushes,
    ...(store.outbox && { outbox: store.outbox }),
    open: (options) => store.open(options),
    watch: (listener) => store.watch(listener),
    close: () => store.close(),
    messages: {
      find: (key) => messages.find(key),
      read: (query) => messages.read(query),
      wipe: (query) => messages.wipe(query),
      heads: (conversationIds) => messages.heads(conversationIds),
      append: (drafts) =>
        faults.append === undefined
          ? messages.append(drafts)
          : appendOneByOne(messages, drafts, (draft) => faults.append?.(draft)),
    },
  };
}

async function appendOneByOne(
  messages: MessageStore,
  drafts: readonly Draft[],
  refusalOf: (draft: Draft) => ChatError | undefined,
): Promise<readonly AppendOutcome[]> {
  const outcomes: AppendOutcome[] = [];
  const failed = new Set<string>();
  for (const draft of drafts) {
    const stream = JSON.stringify([draft.conversationId, draft.senderId, draft.deviceId]);
    const error = failed.has(stream) ? outOfOrder() : refusalOf(draft);
    const outcome =
      error === undefined ? (await messages.append([draft]))[0]! : await refused(messages, draft, error);
    if (outcome.status === "refused" && outcome.error.retryable) failed.add(stream);
    outcomes.push(outcome);
  }
  return outcomes;
}

async function refused(messages: MessageStore, draft: Draft, error: ChatError): Promise<AppendOutcome> {
  if (!isChatError(error)) throw new TypeError("A fault is a ChatError.");
  const entry = await messages.find(draft);
  return entry === undefined ? { status: "refused", error } : { status: "duplicate", entry };
}

function outOfOrder(): ChatError {
  return new ChatError("out_of_order", "A message before this one failed; send all of them again, in order.");
}
