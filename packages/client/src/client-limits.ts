/** Every limit and interval of a client, by name. Times are milliseconds. */
export const CLIENT_LIMITS = {
  /** Messages in the outbox, failed ones too; beyond it `send` is refused. */
  outboxItems: 10_000,
  /** Sends of one conversation that may be unanswered. */
  sendWindow: 32,
  /** Entries of one conversation that may wait for those before them; beyond it they are fetched once more. */
  reorderEntries: 1_000,
  /** Redactions of one conversation that are applied to what is still on its way. */
  redactionsKept: 10_000,
  /** Missed entries of one conversation that are fetched without a hole, unless the application sets another figure. */
  catchUpEntries: 1_000,
  /** How long somebody is shown as writing who does not say so again… */
  typingExpires: 6_000,
  /** …and how often this user says so. */
  typingRepeat: 3_000,
  /** How long what is said to be delivered or read waits for more of it. */
  receiptDelay: 200,
  /** The most that it waits besides, for each member of the conversation, at random. */
  receiptSpread: 0.5,
  /** Conversations that are filled one after the other from a device's first listing on, so that they can be read offline. */
  prefetchConversations: 20,
  /** Entries fetched of each of those. */
  prefetchEntries: 30,
  /** Entries shown when a timeline is opened, and in one step back into history. */
  pageEntries: 50,
  /** Conversations whose end is compared with the server's on a first connect, newest first. */
  comparedConversations: 20,
  /** Requests that fill gaps, each of another conversation, which may be under way at once. */
  parallelFills: 8,
  /** From a request to `timeout`, unless the application sets another figure. */
  requestTimeout: 30_000,
  /** From opening a socket to the welcome. */
  connectTimeout: 15_000,
  /** Between two pings at least, whatever the server asks for. */
  heartbeatFloor: 1_000,
  /** From a ping to giving the socket up, if nothing at all comes. */
  pongTimeout: 10_000,
  /** The same after something woke the client up. */
  wakeTimeout: 3_000,
  /** Between two looks whether the device has slept… */
  wakeInterval: 5_000,
  /** …which it has if one comes so much too late. */
  wakeDelay: 10_000,
  /** Longest wait before the second try; it doubles with each try… */
  backoffBase: 500,
  /** …up to this. The wait is random between 0 and that. */
  backoffCap: 30_000,
  /** A connection that lasted as long lets the backoff begin anew… */
  stableAfter: 10_000,
  /** …and one that was welcomed lets no more tries count than these: the server is up, and whoever lost the line waits 4 s at most. */
  welcomedAttempts: 3,
  /** Between two looks of a tab that follows at whether the one that leads is alive… */
  tabInterval: 5_000,
  /** …while an answer of it is awaited… */
  tabPatience: 1_000,
  /** …and how many of them in a row may find nothing. */
  tabMisses: 2,
  /** Tokens that may be refused in a row before the client stops. */
  tokenAttempts: 3,
} as const;
