/** A promise that is settled from outside. Nobody has to wait for it. */
export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export function newDeferred(): Deferred {
  const deferred = {} as { -readonly [K in keyof Deferred]: Deferred[K] };
  deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  deferred.promise.catch(() => {});
  return deferred;
}
