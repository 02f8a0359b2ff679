/**
 * Does what has to be done before everything else, once: the tables are the store's, and whoever comes first makes them. A failure is
 * tried again with the next call.
 */
export function preparedOnce(prepare: () => Promise<void>): () => Promise<void> {
  let ready: Promise<void> | undefined;
  return () =>
    (ready ??= prepare().catch((error: unknown) => {
      ready = undefined;
      throw error;
    }));
}
