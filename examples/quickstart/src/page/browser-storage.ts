/** What the browser keeps for this page; nothing where it refuses to. */
export interface BrowserStorage {
  get(key: string): string | undefined;
  set(key: string, value: string | undefined): void;
}

function storageOf(find: () => Storage): BrowserStorage {
  return {
    get(key) {
      try {
        return find().getItem(`quickstart ${key}`) ?? undefined;
      } catch {
        return undefined;
      }
    },
    set(key, value) {
      try {
        if (value === undefined) find().removeItem(`quickstart ${key}`);
        else find().setItem(`quickstart ${key}`, value);
      } catch {
        // Private mode, or full: the page works without.
      }
    },
  };
}

/** Outlives the tab. */
export const deviceStorage = storageOf(() => localStorage);
/** Belongs to this tab, and outlives a reload. */
export const tabStorage = storageOf(() => sessionStorage);
