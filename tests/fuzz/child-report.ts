/** What a process under test tells the fuzzer. */
export type ChildReport =
  | { readonly type: "listening"; readonly ports: readonly number[] }
  /** A line of the log that tells of a defect. */
  | { readonly type: "defect"; readonly line: string }
  | { readonly type: "memory"; readonly heapBytes: number; readonly residentBytes: number }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown };

/** What the fuzzer asks of a process under test. */
export type ChildOrder =
  | { readonly type: "measure" }
  | { readonly type: "end" }
  | { readonly type: "do"; readonly id: number; readonly what: string; readonly argument?: unknown };

/** Tells the fuzzer. */
export function report(message: ChildReport): void {
  process.send?.(message);
}

/** Reports what would have ended an application's process, and ends it; measures and ends when it is told to. */
export function underTest(
  end: () => Promise<void>,
  perform?: (order: string, argument: unknown) => unknown,
): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      const line = `${event}: ${error instanceof Error ? error.stack : String(error)}`;
      process.send?.({ type: "defect", line } satisfies ChildReport, () => process.exit(1));
    });
  }
  // The fuzzer is gone, however it went.
  process.on("disconnect", () => process.exit(1));
  process.on("SIGINT", () => {});
  process.on("message", (order: ChildOrder) => {
    if (order.type === "measure") {
      global.gc?.();
      const { heapUsed, external, rss } = process.memoryUsage();
      report({ type: "memory", heapBytes: heapUsed + external, residentBytes: rss });
    } else if (order.type === "do") {
      const { id } = order;
      void Promise.resolve(perform?.(order.what, order.argument)).then((value) =>
        report({ type: "answer", id, value }),
      );
    } else {
      void end().then(() => process.exit(0));
    }
  });
}
