/** Something that can change, with those who want to know. */
export interface Topic {
  /** @returns ends the subscription */
  subscribe(listener: () => void): () => void;
  /** Says that it changed. */
  changed(): void;
}

/** Tells listeners of changes: after the state is consistent, once per microtask for each topic however often it changed. */
export interface Notifier {
  topic(): Topic;
  /** Calls back with the next round of notifications, before the listeners. */
  later(callback: () => void): void;
}

/** @param failed is told what a listener threw; the others are called all the same */
export function createNotifier(failed: (error: unknown) => void): Notifier {
  let due = new Set<() => void>();

  function later(callback: () => void): void {
    if (due.size === 0) {
      void Promise.resolve().then(() => {
        const round = due;
        due = new Set();
        for (const run of round) run();
      });
    }
    due.add(callback);
  }

  function guarded(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      failed(error);
    }
  }

  return {
    later: (callback) => later(() => guarded(callback)),
    topic() {
      const listeners = new Set<{ listener: () => void }>();
      const notify = (): void => {
        for (const { listener } of [...listeners]) guarded(listener);
      };
      return {
        subscribe(listener) {
          // Wrapped, so that one function may subscribe twice.
          const subscription = { listener };
          listeners.add(subscription);
          return () => listeners.delete(subscription);
        },
        changed: () => later(notify),
      };
    },
  };
}
