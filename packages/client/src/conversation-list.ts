import { assertId, type ConversationRow, type HistoryVisibility, newUuid, type Random } from "@chat/protocol";
import type { Ask } from "./connection/requests.js";
import type {
  Completeness,
  Conversation,
  ConversationList,
  CustomData,
  RequestOptions,
} from "./public-types.js";
import type { Topic } from "./runtime/notifier.js";
import type { Replica } from "./sync/replica.js";
import type { Replicas } from "./sync/replicas.js";
import { checkProfile } from "./users/check-profile.js";

/** What the list needs of its surroundings. */
export interface ConversationListEnvironment<C extends CustomData> {
  readonly random: Random;
  readonly ask: Ask;
  readonly replicas: Replicas;
  /** Takes the row that answers a request. */
  row(row: ConversationRow): Replica;
  handleOf(replica: Replica): Conversation<C>;
  state(): Completeness;
}

/** The list, and how to tell it that some row changed. */
export interface OwnConversationList<C extends CustomData> {
  readonly list: ConversationList<C>;
  changed(): void;
}

/** @param topic changes with rows and state */
export function createConversationList<C extends CustomData>(
  { random, ask, replicas, row, handleOf, state }: ConversationListEnvironment<C>,
  topic: Topic,
): OwnConversationList<C> {
  let items: readonly Conversation<C>[] | undefined;

  async function create(
    {
      id: conversationId = newUuid(random),
      ...request
    }: {
      readonly conversationType: "direct" | "group";
      readonly members: readonly string[];
      readonly id?: string | undefined;
      readonly name?: string | undefined;
      readonly data?: C["conversation"] | undefined;
      readonly historyVisibility?: HistoryVisibility | undefined;
    },
    { signal }: RequestOptions = {},
  ): Promise<Conversation<C>> {
    assertId(conversationId, "id");
    for (const member of request.members) assertId(member, "A user id in members");
    checkProfile(request.name, request.data);
    const clientMessageId = newUuid(random);
    const answer = await ask(
      { ...request, type: "create-conversation", conversationId, clientMessageId },
      { signal },
    );
    return handleOf(row(answer.row));
  }

  function get(id: string): Conversation<C> | undefined {
    const replica = replicas.get(id);
    return replica && handleOf(replica);
  }

  return {
    list: {
      get items() {
        items ??= Object.freeze(
          [...replicas.all()]
            .filter((replica) => replica.row.member)
            .sort((a, b) => b.row.activity - a.row.activity || (a.id < b.id ? -1 : 1))
            .map(handleOf),
        );
        return items;
      },
      get state() {
        return state();
      },
      subscribe: topic.subscribe,
      get,
      async fetch(id, { signal } = {}) {
        assertId(id, "id");
        return (
          get(id) ??
          handleOf(row((await ask({ type: "get-conversation", conversationId: id }, { signal })).row))
        );
      },
      createGroup: (group, options) => create({ ...group, conversationType: "group" }, options),
      createDirect: (userId, options) =>
        create({ conversationType: "direct", members: [userId], data: options?.data }, options),
    },
    changed() {
      items = undefined;
      topic.changed();
    },
  };
}
