import type { Clock } from "@chat/protocol";
import { answerInTime } from "../../aws/answer-in-time.js";
import type { SnsClient, SqsClient } from "./aws-clients.js";

/** How long an answer may take, ms, beside what a request itself asks to wait. */
const ANSWER_DEADLINE = 5_000;

/** What of a request matters here. */
interface Input {
  readonly WaitTimeSeconds?: number;
}

/** The same client, whose requests end when no answer comes: one that never ended would keep all behind it from going out, or from coming in. */
export function requestsInTime<Client extends SnsClient | SqsClient>(client: Client, clock: Clock): Client {
  return new Proxy(client, {
    get(target, name) {
      const request: unknown = Reflect.get(target, name);
      if (typeof request !== "function") return request;
      return (input: Input, given?: { readonly abortSignal: AbortSignal }): Promise<unknown> =>
        answerInTime(
          clock,
          ANSWER_DEADLINE + (input.WaitTimeSeconds ?? 0) * 1_000,
          () => new Error("There was no answer in time."),
          (options) => request.call(target, input, options) as Promise<unknown>,
          given?.abortSignal,
        );
    },
  });
}
