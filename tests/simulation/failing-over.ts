import type { AppendOutcome, Draft, FollowingStore, LogFollower, StoreOptions } from "@chat/server";
import { failedFrom } from "./faulty-store.js";
import { unavailable } from "./unreliable-line.js";

/**
 * A server's store whose engine is replaced by another while it runs, as by a failover: what is under way then has no answer, and what
 * comes next goes to the new one, on which a boot begins first.
 * @param engine the one of the moment
 */
export function failingOver<Engine>(
  engine: () => Engine,
  storeOn: (engine: Engine) => FollowingStore,
): FollowingStore {
  let options: StoreOptions;
  let on: Engine | undefined = engine();
  let store = storeOn(engine());
  let opened: Promise<unknown> = Promise.resolve();
  /** Where the messages lie, if not in the engine. */
  let log: Parameters<LogFollower["readFrom"]>[0] | undefined;

  /** The one before is not closed: what is under way in it would be refused for good, as no engine that is gone does. */
  function takeOver(): void {
    on = engine();
    store = storeOn(engine());
    if (log !== undefined) store.follower.readFrom(log);
    const opening = store.open(options);
    opened = opening;
    // The next call tries again.
    opening.catch(() => {
      if (opened === opening) on = undefined;
    });
  }

  async function use<T>(work: (store: FollowingStore) => Promise<T>): Promise<T> {
    if (engine() !== on) takeOver();
    const [began, current] = [on, store];
    await opened;
    if (engine() !== began) throw unavailable();
    const answer = await work(current);
    if (engine() !== began) throw unavailable();
    return answer;
  }

  /** One of the store's parts. */
  const through = <Part extends object>(of: (store: FollowingStore) => Part): Part =>
    new Proxy(of(store), {
      get:
        (_, name) =>
        (...values: unknown[]) =>
          use((current) => {
            const part = of(current);
            const method = Reflect.get(part, name) as (...values: unknown[]) => Promise<unknown>;
            return method.apply(part, values);
          }),
    });

  const messages = through((current) => current.messages);
  const follower = through((current) => current.follower);

  async function append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    try {
      return await use((current) => current.messages.append(drafts));
    } catch {
      return failedFrom(drafts, 0);
    }
  }

  return {
    messages: {
      append,
      find: (key) => messages.find(key),
      read: (query) => messages.read(query),
      wipe: (query) => messages.wipe(query),
      heads: (ids) => messages.heads(ids),
    },
    conversations: through((current) => current.conversations),
    housekeeping: through((current) => current.housekeeping),
    pushes: through((current) => current.pushes),
    follower: Object.assign(Object.create(follower) as LogFollower, {
      readFrom(given: typeof log) {
        log = given;
        store.follower.readFrom(given!);
      },
    }),
    open(given) {
      options = given;
      return store.open(given);
    },
    watch: (listener) => store.watch(listener),
    close: () => store.close(),
  };
}
