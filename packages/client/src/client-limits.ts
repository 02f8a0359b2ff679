// Every limit and interval of a client, by name; imported as CLIENT_LIMITS. Times are milliseconds.
// Constants, not one object: a bundler then writes the figures where they are used.

/** Messages in the outbox, failed ones too; beyond it `send` is refused. */
export const outboxItems = 10_000;
/** Sends of one conversation that may be unanswered. */
export const sendWindow = 32;
/** Entries of one conversation that may wait for those before them; beyond it they are fetched once more. */
export const reorderEntries = 1_000;
/** Redactions of one conversation that are applied to what is still on its way. */
export const redactionsKept = 10_000;
/** Missed entries of one conversation that are fetched without a hole, unless the application sets another figure. */
export const catchUpEntries = 1_000;
/** How long somebody is shown as writing who does not say so again… */
export const typingExpires = 6_000;
/** …and how often this user says so. */
export const typingRepeat = 3_000;
/** How long what is said to be delivered or read waits for more of it. */
export const receiptDelay = 200;
/** The most that it waits besides, for each member of the conversation, at random. */
export const receiptSpread = 0.5;
/** Conversations that are filled one after the other from a device's first listing on, so that they can be read offline. */
export const prefetchConversations = 20;
/** Entries fetched of each of those. */
export const prefetchEntries = 30;
/** Entries shown when a timeline is opened, and in one step back into history. */
export const pageEntries = 50;
/** Conversations whose end is compared with the server's on a first connect, newest first. */
export const comparedConversations = 20;
/** Requests that fill gaps, each of another conversation, which may be under way at once. */
export const parallelFills = 8;
/** From a request to `timeout`, unless the application sets another figure. */
export const requestTimeout = 30_000;
/** From opening a socket to the welcome. */
export const connectTimeout = 15_000;
/** Between two pings at least, whatever the server asks for. */
export const heartbeatFloor = 1_000;
/** Of a connection, and between two pings; and of what a server puts off: so much at most, whatever it asks for. */
export const longestWait = 300_000;
/** From a ping to giving the socket up, if nothing at all comes. */
export const pongTimeout = 10_000;
/** The same after something woke the client up. */
export const wakeTimeout = 3_000;
/** Between two looks whether the device has slept… */
export const wakeInterval = 5_000;
/** …which it has if one comes so much too late. */
export const wakeDelay = 10_000;
/** Longest wait before the second try; it grows by as much with each try… */
export const backoffStep = 500;
/** …up to this. The wait is random between 0 and that. */
export const backoffCap = 30_000;
/** A connection that lasted as long lets the backoff begin anew… */
export const stableAfter = 10_000;
/** …and one that was welcomed lets no more tries count than these: the server is up, and whoever lost the line waits 4 s at most. */
export const welcomedAttempts = 7;
/** Between two looks of a tab that follows at whether the one that leads is alive… */
export const tabInterval = 5_000;
/** …while an answer of it is awaited… */
export const tabPatience = 1_000;
/** …and how many of them in a row may find nothing. */
export const tabMisses = 2;
/** Tokens that may be refused in a row before the client stops. */
export const tokenAttempts = 3;
