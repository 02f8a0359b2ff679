import type { Clock } from "@chat/protocol";
import { inTime } from "../in-time.js";

/** What every request of the SDK takes. */
interface RequestOptions {
  readonly abortSignal: AbortSignal;
}

/**
 * Ends a request that has no answer in time: the SDK waits as long as the network lets it, so for ever where a connection fell silent.
 * @param deadline ms
 * @param late what it rejects with then
 * @param ended ends it before that
 */
export function answerInTime<T>(
  clock: Clock,
  deadline: number,
  late: () => Error,
  request: (options: RequestOptions) => Promise<T>,
  ended?: AbortSignal,
): Promise<T> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  if (ended?.aborted) end();
  ended?.addEventListener("abort", end);
  const giveUp = (): Error => {
    end();
    return late();
  };
  return inTime(clock, deadline, giveUp, request({ abortSignal: ending.signal })).finally(() =>
    ended?.removeEventListener("abort", end),
  );
}
