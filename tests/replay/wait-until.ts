/** What did not happen in time. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/** @throws DeadlinePassed if the promise settles too late; what the promise rejects with, otherwise */
export async function within<T>(promise: Promise<T>, deadline: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlinePassed(`Not within ${deadline / 1000} s: ${what()}`)),
      deadline,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Resolves once a condition holds; it is looked at now and whenever the subject calls back, never by the clock.
 * @param what names it in the error
 * @throws DeadlinePassed; what the condition throws
 */
export async function waitUntil(
  subscribe: (listener: () => void) => () => void,
  condition: () => boolean,
  deadline: number,
  what: () => string,
): Promise<void> {
  if (condition()) return;
  let unsubscribe = (): void => {};
  const holds = new Promise<void>((resolve, reject) => {
    unsubscribe = subscribe(() => {
      try {
        if (condition()) resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
  try {
    // To subscribe may itself have moved something.
    if (!condition()) await within(holds, deadline, what);
  } catch (error) {
    // What the condition depends on besides the subject may hold by now.
    if (!(error instanceof DeadlinePassed && condition())) throw error;
  } finally {
    unsubscribe();
  }
}
