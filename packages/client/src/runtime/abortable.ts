import { ChatError } from "@chat/protocol";

/** What a promise rejects with whose signal has fired. */
export function aborted(signal: AbortSignal | undefined): ChatError {
  return new ChatError("aborted", "The request was given up.", { cause: signal?.reason });
}

/**
 * The promise, or `aborted` as soon as the signal fires. What it stands for goes on, for others who wait for it.
 * @param gaveUp called if the signal fires first
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  gaveUp: () => void = () => {},
): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      gaveUp();
      reject(aborted(signal));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
