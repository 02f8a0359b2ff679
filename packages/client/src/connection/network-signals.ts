/** Tells of the page's and the network's life. */
export interface NetworkSignals {
  /**
   * @param wake the network may have come back, or the device or the page may have slept: no timer can be trusted
   * @param suspend the page is put away, perhaps for good: what others could use is let go until `wake`
   * @returns ends the subscription and removes every listener from the page
   */
  subscribe(wake: () => void, suspend?: () => void): () => void;
}

/** The events of the page; none where there is no page. */
export function pageSignals(): NetworkSignals {
  return {
    subscribe(wake, suspend = () => {}) {
      const page = globalThis as Partial<
        Pick<Window, "addEventListener" | "removeEventListener" | "document">
      >;
      const onVisibility = (): void => {
        if (page.document?.visibilityState === "visible") wake();
      };
      const targets = [
        [page, "online", wake],
        [page, "pageshow", wake],
        [page, "pagehide", suspend],
        [page.document, "freeze", suspend],
        [page.document, "resume", wake],
        [page.document, "visibilitychange", onVisibility],
      ] as const;
      for (const [target, event, listener] of targets) target?.addEventListener?.(event, listener);
      return () => {
        for (const [target, event, listener] of targets) target?.removeEventListener?.(event, listener);
      };
    },
  };
}
