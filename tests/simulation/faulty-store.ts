import { ChatError } from "@chat/protocol";
import type {
  AppendOutcome,
  ConversationStore,
  Draft,
  FollowingStore,
  Housekeeping,
  LogFollower,
  MessageStore,
  StoredEntry,
} from "@chat/server";
import type { Chance } from "./chance.js";
import type { Party } from "./scheduler.js";
import type { Trace } from "./trace.js";
import { type Call, unavailable, type Weather } from "./unreliable-line.js";

/** How far a member is to have come. */
export type ReceiptAdvance = Parameters<ConversationStore["advanceReceipts"]>[0][number];
/** How far they have. */
export type AdvancedReceipt = NonNullable<Awaited<ReturnType<ConversationStore["advanceReceipts"]>>[number]>;

/** What is to be wiped. */
export type WipeQuery = Parameters<MessageStore["wipe"]>[0];

/** What a server's way to the store is made of. */
export interface FaultyStoreOptions {
  readonly inner: FollowingStore;
  readonly party: Party;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly weather: Weather;
  readonly call: Call;
  /** Called for each entry in the moment in which it is committed. */
  readonly stored: (entry: StoredEntry) => void;
  /** Called for each advance of a member's receipts, when it is committed. */
  readonly hasCome: (advance: ReceiptAdvance, advanced: AdvancedReceipt) => void;
  /** Called when the oldest entries of a conversation are deleted. */
  readonly pruned: (conversationId: string, count: number) => void;
  /** Called when what a user wrote is wiped, from behind one id up to another. */
  readonly wiped: (query: WipeQuery, through: number) => void;
  /** Called when rows have moved on behind a log that lies elsewhere. */
  readonly followed: () => void;
  /** Whether housekeeping takes the same line; without it nothing is pruned or erased. */
  readonly housekeeps: boolean;
  /** Calls back when another server wrote, where the engine can tell. */
  readonly watch: (listener: () => void) => () => void;
}

/** As the contract says: behind a draft that failed, those of the same device are refused too. */
export function failedFrom(drafts: readonly Draft[], at: number): AppendOutcome[] {
  return drafts.slice(at).map((_, index) => ({
    status: "refused" as const,
    error: index === 0 ? unavailable() : new ChatError("out_of_order", "A message before this one failed."),
  }));
}

/** The real store behind an unreliable line. */
export function faultyStore(options: FaultyStoreOptions): FollowingStore {
  const { inner, party, chance, trace, weather, call } = options;

  async function append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    const outcomes = await inner.messages.append(drafts);
    for (const outcome of outcomes) {
      if (outcome.status === "stored") {
        const { conversationId, messageId, text, kind } = outcome.entry;
        trace.note(party.name, `commits ${conversationId}/${messageId} ${text ?? kind}`);
        options.stored(outcome.entry);
      } else {
        trace.hit(
          outcome.status === "refused" ? `append refused ${outcome.error.code}` : "duplicate answered",
        );
      }
    }
    return outcomes;
  }

  /** Now and then only the first few of a batch are stored. */
  async function appendSome(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    const oneDevice = drafts.every(
      ({ deviceId, conversationId }) =>
        deviceId === drafts[0]?.deviceId && conversationId === drafts[0].conversationId,
    );
    if (drafts.length < 2 || !oneDevice || !chance.happens(weather.unavailable)) return append(drafts);
    trace.hit("fault store batch in part");
    const at = chance.between(1, drafts.length - 1);
    return [...(await append(drafts.slice(0, at))), ...failedFrom(drafts, at)];
  }

  async function advanceReceipts(
    advances: readonly ReceiptAdvance[],
  ): Promise<readonly (AdvancedReceipt | undefined)[]> {
    const advanced = await inner.conversations.advanceReceipts(advances);
    advanced.forEach((one, index) => one && options.hasCome(advances[index]!, one));
    return advanced;
  }

  async function wipe(query: WipeQuery): ReturnType<MessageStore["wipe"]> {
    const wiped = await inner.messages.wipe(query);
    trace.note(party.name, `wipes ${query.conversationId} of ${query.userId} up to ${wiped.through}`);
    options.wiped(query, wiped.through);
    return wiped;
  }

  async function prune(query: Parameters<Housekeeping["prune"]>[0]): Promise<number> {
    const count = await inner.housekeeping.prune(query);
    trace.note(party.name, `prunes ${count} of ${query.conversationId}`);
    options.pruned(query.conversationId, count);
    return count;
  }

  const messages: MessageStore = {
    append: (drafts) =>
      call(
        "append",
        () => appendSome(drafts),
        () => failedFrom(drafts, 0),
      ),
    find: (key) => call("find", () => inner.messages.find(key)),
    read: (query) => call("read", () => inner.messages.read(query)),
    wipe: (query) => call("wipe", () => wipe(query)),
    heads: (ids) => call("heads", () => inner.messages.heads(ids)),
  };
  const rows = inner.conversations;
  const conversations: ConversationStore = {
    reserve: (conversation) => call("reserve", () => rows.reserve(conversation)),
    rows: (id, userIds) => call("rows", () => rows.rows(id, userIds)),
    row: (userId, id) => call("row", () => rows.row(userId, id)),
    advanceReceipts: (advances) => call("advanceReceipts", () => advanceReceipts(advances)),
    receipts: (id, query) => call("receipts", () => rows.receipts(id, query)),
    receiptChanges: (id, cursor) => call("receiptChanges", () => rows.receiptChanges(id, cursor)),
    countReceipts: (id, messageId) => call("countReceipts", () => rows.countReceipts(id, messageId)),
    list: (userId, query) => call("list", () => rows.list(userId, query)),
    listChanges: (userId, query) => call("listChanges", () => rows.listChanges(userId, query)),
    participation: (userId, id) => call("participation", () => rows.participation(userId, id)),
    members: (id, query) => call("members", () => rows.members(id, query)),
    roles: (id, userIds) => call("roles", () => rows.roles(id, userIds)),
    firstInLine: (id, besides) => call("firstInLine", () => rows.firstInLine(id, besides)),
    memberOf: (userId, query) => call("memberOf", () => rows.memberOf(userId, query)),
    users: (userIds) => call("users", () => rows.users(userIds)),
    setUser: (profile) => call("setUser", () => rows.setUser(profile)),
    privacies: (userIds) => call("privacies", () => rows.privacies(userIds)),
    blocks: (userId, others) => call("blocks", () => rows.blocks(userId, others)),
    setPrivacy: (userId, change) => call("setPrivacy", () => rows.setPrivacy(userId, change)),
    setLastActive: (users) => call("setLastActive", () => rows.setLastActive(users)),
    setInvisible: (userId, invisible) => call("setInvisible", () => rows.setInvisible(userId, invisible)),
    presences: (userIds) => call("presences", () => rows.presences(userIds)),
    acquaintances: (userId, userIds) => call("acquaintances", () => rows.acquaintances(userId, userIds)),
    position: () => call("position", () => rows.position()),
    changes: (query) => call("changes", () => rows.changes(query)),
  };
  const keeper = inner.housekeeping;
  const housekeeping: Housekeeping = {
    conversationsOf: (userId, query) => call("conversationsOf", () => keeper.conversationsOf(userId, query)),
    beginErasure: (userId, id) => call("beginErasure", () => keeper.beginErasure(userId, id)),
    erasures: () => call("erasures", () => keeper.erasures()),
    endErasure: (userId) => call("endErasure", () => keeper.endErasure(userId)),
    purge: () => call("purge", () => keeper.purge()),
    retentionCandidates: (query) => call("retentionCandidates", () => keeper.retentionCandidates(query)),
    setRetention: (id, retention) => call("setRetention", () => keeper.setRetention(id, retention)),
    prune: (query) => call("prune", () => prune(query)),
    log: (query) => call("log", () => keeper.log(query)),
  };
  const { follower: behind } = inner;
  async function advance(...args: Parameters<LogFollower["advance"]>): ReturnType<LogFollower["advance"]> {
    const left = await behind.advance(...args);
    options.followed();
    return left;
  }
  const follower: LogFollower = {
    readFrom: (log) => behind.readFrom(log),
    mark: (owner, ids, grace) => call("mark", () => behind.mark(owner, ids, grace)),
    unmark: (owner, ids, until) => call("unmark", () => behind.unmark(owner, ids, until)),
    due: (query) => call("due", () => behind.due(query)),
    advance: (entries, owner) => call("advance", () => advance(entries, owner)),
    standings: (id, userIds) => call("standings", () => behind.standings(id, userIds)),
    wiped: (query) => call("wiped", () => behind.wiped(query)),
    pruned: (...place) => call("pruned", () => behind.pruned(...place)),
    spans: (query) => call("spans", () => behind.spans(query)),
  };
  return {
    messages,
    conversations,
    follower,
    housekeeping: options.housekeeps ? housekeeping : keeper,
    pushes: inner.pushes,
    // Whether a server starts with a store that fails is for its supervisor, who starts it again.
    open: (storeOptions) => inner.open(storeOptions),
    watch: options.watch,
    close: () => inner.close(),
  };
}
