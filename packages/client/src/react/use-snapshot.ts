import { useCallback, useSyncExternalStore } from "react";

/** Something of the client that can be subscribed to. */
interface Source {
  subscribe(listener: () => void): () => void;
}

const NEVER = (): void => {};

/**
 * What is read of a source, again whenever it says that it changed.
 * @param read gives the same value until something changed
 * @param empty without a source, on a server, and in the render that takes over what a server has rendered
 */
export function useSnapshot<S extends Source, T>(source: S | undefined, read: (source: S) => T, empty: T): T {
  const subscribe = useCallback((listener: () => void) => source?.subscribe(listener) ?? NEVER, [source]);
  return useSyncExternalStore(
    subscribe,
    () => (source ? read(source) : empty),
    () => empty,
  );
}
