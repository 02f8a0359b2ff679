/** Tells when the network may have come back or the device may have slept; no timer can be trusted then. */
export interface NetworkSignals {
  /** @returns ends the subscription and removes every listener from the page */
  subscribe(wake: () => void): () => void;
}

/** The events of the page; none where there is no page. */
export function pageSignals(): NetworkSignals {
  return {
    subscribe(wake) {
      const page = globalThis as Partial<
        Pick<Window, "addEventListener" | "removeEventListener" | "document">
      >;
      const onVisibility = (): void => {
        if (page.document?.visibilityState === "visible") wake();
      };
      const targets = [
        [page, "online", wake],
        [page, "pageshow", wake],
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
