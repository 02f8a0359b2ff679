import type { Clock } from "@chat/protocol";

/**
 * What work resolves to, unless that takes too long.
 * @param deadline ms
 * @param late what it rejects with then
 * @param whenLate takes what comes after all
 */
export function inTime<T>(
  clock: Clock,
  deadline: number,
  late: () => Error,
  working: PromiseLike<T>,
  whenLate: (result: T) => void = () => {},
): Promise<T> {
  let isLate = false;
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(deadline, () => {
      isLate = true;
      reject(late());
    });
    Promise.resolve(working)
      .finally(cancel)
      .then((result) => (isLate ? whenLate(result) : resolve(result)))
      .catch(reject);
  });
}
