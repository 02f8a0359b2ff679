import { ChatError, type JsonObject } from "@chat/protocol";
import type { ChatClient, PushState } from "../public-types.js";

const PROVIDER = "web-push";

/** What is asked of a browser's subscription to pushes. */
interface BrowserSubscription {
  readonly options?: { readonly applicationServerKey: ArrayBuffer | null };
  toJSON(): object;
  unsubscribe(): Promise<boolean>;
}

/** What is asked of a service worker's registration. */
export interface PushRegistration {
  readonly pushManager: {
    getSubscription(): Promise<BrowserSubscription | null>;
    subscribe(options: {
      readonly userVisibleOnly: boolean;
      readonly applicationServerKey: string;
    }): Promise<BrowserSubscription>;
  };
}

/** How this browser is subscribed. */
export interface PushOptions {
  /** The application's service worker, which calls `showPushes`; by default the page's own, once it is active. */
  readonly registration?: PushRegistration | Promise<PushRegistration> | undefined;
}

type PushClient = Pick<ChatClient, "push">;

/** True where this browser can show pushes: not on plain http, nor on iOS before the page is on the home screen. */
export function canPush(): boolean {
  return (
    typeof navigator === "object" &&
    "serviceWorker" in navigator &&
    "PushManager" in globalThis &&
    "Notification" in globalThis
  );
}

/**
 * Subscribes this browser to pushes. Asks the user, if that has not been done before: so call it from a click, and say before what for.
 * @throws ChatError `unsupported` (this browser, or the server, has no Web Push), `forbidden` (the user has refused), and as `client.push`
 */
export async function subscribeToPush(client: PushClient, options: PushOptions = {}): Promise<PushState> {
  if (!canPush()) throw new ChatError("unsupported", "This browser shows no pushes.");
  if ((await Notification.requestPermission()) !== "granted")
    throw new ChatError("forbidden", "Notifications are not allowed for this page.");
  return renew(client, await (options.registration ?? navigator.serviceWorker.ready), true);
}

/**
 * Says anew where pushes for this browser go, if it is subscribed: to be called at each start of the page, since browsers change that on
 * their own. Asks nobody. Resolves to undefined where it is not subscribed.
 */
export async function renewPush(
  client: PushClient,
  options: PushOptions = {},
): Promise<PushState | undefined> {
  if (!canPush() || Notification.permission !== "granted") return undefined;
  const registration = await presentRegistration(options);
  if (!(await registration?.pushManager.getSubscription())) return undefined;
  return renew(client, registration!, false);
}

/** Takes the subscription back, here and at the server: before a log-out too, or the next user sees what is meant for this one. */
export async function unsubscribeFromPush(client: PushClient, options: PushOptions = {}): Promise<void> {
  // First here: what goes to nobody any more, the server finds out by itself.
  const registration = canPush() ? await presentRegistration(options) : undefined;
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  await client.push(null);
}

/** The one that a subscription could be with. `ready` would be waited for without end where no service worker was ever registered. */
async function presentRegistration({ registration }: PushOptions): Promise<PushRegistration | undefined> {
  return registration ?? navigator.serviceWorker.getRegistration();
}

async function renew(
  client: PushClient,
  { pushManager }: PushRegistration,
  mayBegin: boolean,
): Promise<PushState> {
  const state = await client.push();
  const key = state.providers.find(({ name }) => name === PROVIDER)?.publicKey;
  if (key === undefined) throw new ChatError("unsupported", "The server sends no Web Push.");
  let subscription = await pushManager.getSubscription();
  const present = subscription?.options?.applicationServerKey;
  if (subscription && present && base64url(present) !== key.replace(/=+$/, "")) {
    // The server has other keys than when it began: nobody can send to it any more.
    await subscription.unsubscribe();
    subscription = null;
    mayBegin = true;
  }
  if (!subscription && !mayBegin) return state;
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  return client.push({ provider: PROVIDER, target: subscription.toJSON() as JsonObject });
}

function base64url(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
