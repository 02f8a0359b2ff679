import { lookup as resolveHost, type LookupAddress } from "node:dns";
import { Agent, request } from "node:https";
import { isIP, type LookupFunction } from "node:net";

/** Bytes of an answer that are read; the rest is cut off. */
const ANSWER_BYTES = 4_096;
/** Connections to one push service at once. */
const CONNECTIONS = 32;

/** A request that is about to be made. */
interface PostedPush {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array | null;
}

/** What a push service has answered. */
interface PushAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** Thrown for an address that must not be connected to. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** Posts pushes. Redirects are answers like others. Rejects when the connection fails, or `signal` fires. */
export interface PushPost {
  (push: PostedPush, signal: AbortSignal): Promise<PushAnswer>;
  /** Lets go of idle connections. */
  readonly agent: Agent;
}

/**
 * Posts over connections of its own, to addresses that are allowed and to no others: they are checked after a name was resolved, in the
 * very look-up whose answer is connected to, so that no second look-up can give another one.
 */
export function createPushPost(
  isAllowed: (address: string) => boolean,
  ca: string | Buffer | undefined,
): PushPost {
  const lookup: LookupFunction = (hostname, options, done) => {
    resolveHost(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return done(error, []);
      // One inward address among others is no accident.
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address))) {
        return done(new AddressRefused("The name leads to an address that must not be connected to."), []);
      }
      if (options.all === true) done(null, addresses);
      else done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
  const agent = new Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS,
    lookup,
    ...(ca !== undefined && { ca }),
  });

  function post({ endpoint, headers, body }: PostedPush, signal: AbortSignal): Promise<PushAnswer> {
    return new Promise((resolve, reject) => {
      const url = new URL(endpoint);
      const host = url.hostname.replace(/^\[|\]$/g, "");
      // Of an address nothing is looked up.
      if (isIP(host) !== 0 && !isAllowed(host)) {
        return reject(new AddressRefused("The address must not be connected to."));
      }
      const outgoing = request(url, { method: "POST", headers, agent, signal }, (answer) => {
        // The status is all that counts. What is short is read to its end, so that the connection can be used again.
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES) answer.destroy();
        });
        answer.on("error", () => {});
        answer.on("close", () => {
          resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body ?? undefined);
    });
  }
  return Object.assign(post, { agent });
}
