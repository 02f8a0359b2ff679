import { ChatError, type JsonObject, utf8Length } from "@chat/protocol";
import { assertKnown } from "../../assert-known.js";
import type { Push, PushOutcome, PushProvider } from "../push-provider.js";
import { isPublicAddress } from "./is-public-address.js";
import { AddressRefused, createPushPost } from "./post-push.js";

/** The push services of the browsers: these names, and with a dot in front what ends so. */
const PUSH_SERVICES = [
  "fcm.googleapis.com",
  "updates.push.services.mozilla.com",
  ".push.services.mozilla.com",
  ".push.apple.com",
  ".notify.windows.com",
] as const;
/** Bytes of a payload that every push service takes, encrypted and with what comes around it. */
const PAYLOAD_BYTES = 3_000;
const ENDPOINT_BYTES = 2_048;

/** What we call of the package `web-push`. */
export interface WebPushModule {
  generateRequestDetails(
    subscription: {
      readonly endpoint: string;
      readonly keys: { readonly p256dh: string; readonly auth: string };
    },
    payload: string,
    options: {
      readonly vapidDetails: VapidDetails;
      readonly TTL: number;
      readonly topic: string;
      readonly urgency: "high";
      readonly contentEncoding: "aes128gcm";
    },
  ): {
    readonly endpoint: string;
    readonly headers: object;
    readonly body: Uint8Array | null;
  };
}

/** Who the pushes are from. `web-push generate-vapid-keys` makes the keys, once for the application. */
export interface VapidDetails {
  /** `mailto:` or `https:`: where a push service finds the operator. */
  readonly subject: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Settings of {@link webPush}. */
export interface WebPushOptions {
  readonly vapid: VapidDetails;
  /**
   * Hosts that endpoints may have: names, with a dot in front all that end so; `"any"` for every https host. By default the push
   * services of Chrome, Edge, Firefox and Safari.
   */
  readonly hosts?: readonly string[] | "any";
  /**
   * Addresses that may be connected to, asked for whatever a host's name has led to. By default those of the internet, and none
   * of your own network.
   */
  readonly allowAddress?: (address: string) => boolean;
  /** Certificate authorities, as `node:tls` takes them, in place of Node's. */
  readonly ca?: string | Buffer;
}

interface Target extends JsonObject {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

/**
 * Web Push (RFC 8030, 8291, 8292) as a provider, on the application's own `web-push`, which signs and encrypts; the requests are
 * made here, to push services only: https, no redirects, no inward addresses, answers cut off, in time.
 * @param module the package `web-push`
 * @throws ChatError `invalid_argument` for options that there are not
 */
export function webPush(module: WebPushModule, options: WebPushOptions): PushProvider {
  assertKnown("option of webPush", options, ["vapid", "hosts", "allowAddress", "ca"]);
  const { vapid, hosts = PUSH_SERVICES, allowAddress = isPublicAddress, ca } = options;
  const post = createPushPost(allowAddress, ca);
  const isHost = (host: string): boolean =>
    hosts === "any" || hosts.some((name) => (name.startsWith(".") ? host.endsWith(name) : host === name));

  return {
    name: "web-push",
    publicKey: vapid.publicKey,

    accept(subscription) {
      const endpoint = endpointOf(subscription["endpoint"]);
      if (!isHost(endpoint.hostname)) throw refusal("The endpoint is at no push service that is known here.");
      const keys = (subscription["keys"] ?? {}) as JsonObject;
      const target: Target = {
        endpoint: endpoint.href,
        // An uncompressed point of P-256, and 16 bytes.
        keys: { p256dh: keyOf(keys["p256dh"], 65), auth: keyOf(keys["auth"], 16) },
      };
      return { address: endpoint.href, target };
    },

    async send({ target, payload, collapseKey, timeToLive }: Push, signal): Promise<PushOutcome> {
      const { endpoint, keys } = target as Target;
      // Kept before the settings were what they are now.
      if (!isHost(new URL(endpoint).hostname)) return { status: "gone" };
      const { headers, body } = module.generateRequestDetails({ endpoint, keys }, fitted(payload), {
        vapidDetails: vapid,
        TTL: Math.floor(timeToLive / 1_000),
        topic: collapseKey,
        urgency: "high",
        contentEncoding: "aes128gcm",
      });
      try {
        return outcomeOf(await post({ endpoint, headers: headers as Record<string, string>, body }, signal));
      } catch (error) {
        if (error instanceof AddressRefused)
          return { status: "failed", retryable: false, reason: "address_refused" };
        const { code = "no_answer" } = error as { readonly code?: string };
        return { status: "failed", retryable: true, reason: code };
      }
    },
  };
}

function outcomeOf({ status, retryAfter }: { status: number; retryAfter: string | undefined }): PushOutcome {
  if (status >= 200 && status < 300) return { status: "sent" };
  if (status === 404 || status === 410) return { status: "gone" };
  const retryable = status === 429 || status >= 500;
  // A date is not asked for: a limit of our own holds anyway.
  const seconds = /^\d{1,6}$/.test(retryAfter ?? "") ? Number(retryAfter) : 0;
  return { status: "failed", retryable, retryAfter: seconds * 1_000, reason: String(status) };
}

/** The payload as it travels: without its text, if it would be too long with it. */
function fitted(payload: JsonObject): string {
  const json = JSON.stringify(payload);
  if (utf8Length(json) <= PAYLOAD_BYTES) return json;
  const { text: _, ...rest } = payload;
  const shorter = JSON.stringify(rest);
  if (utf8Length(shorter) <= PAYLOAD_BYTES) return shorter;
  throw new RangeError(`The payload of a push has at most ${PAYLOAD_BYTES} bytes.`);
}

function endpointOf(value: unknown): URL {
  const fits = typeof value === "string" && utf8Length(value) <= ENDPOINT_BYTES && URL.canParse(value);
  const url = fits ? new URL(value) : undefined;
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw refusal(`endpoint must be an https URL of at most ${ENDPOINT_BYTES} bytes.`);
  }
  // Nothing of it is sent, and one place must not have many names.
  url.hash = "";
  return url;
}

function keyOf(value: unknown, bytes: number): string {
  const isKey =
    typeof value === "string" &&
    /^[\w-]+={0,2}$/.test(value) &&
    Buffer.from(value, "base64url").length === bytes;
  if (!isKey) throw refusal("keys.p256dh and keys.auth must be those of a PushSubscription, in base64url.");
  return value;
}

function refusal(sentence: string): ChatError {
  return new ChatError("invalid_argument", sentence);
}
