import type { ChatStore, Fanout, Registry } from "@chat/server";
import type { CuttingProxy } from "../../replay/cutting-proxy.js";

/** A backend as one server's process has it. */
interface OpenedBackend {
  readonly store: ChatStore;
  /** Which server holds which session, where several servers share it. */
  readonly registry: Registry;
  /** Between the servers; where there is none, messages go over the process that started them. */
  readonly fanout?: Fanout;
  /** Has the engine refuse whatever would need more room than there is now, or lets it go on. */
  fill(isFull: boolean): void;
  /** Lets go of connections, once store and registry are no longer used. */
  close(): void | Promise<void>;
}

/** An engine that chaos can be made of. All servers of a round share one; its figures and files are its own. */
export interface Engine {
  /** Told to each server's process, which opens the backend of that name with it. Survives JSON. */
  readonly place: string;
  /** Keeps what the store holds now, whole and consistent, while servers write. */
  takeBackup(): void | Promise<void>;
  /**
   * Puts the last backup in the store's place. No server runs.
   * @returns how many entries each of these conversations has now, and how many the store has lost
   */
  restoreBackup(conversationIds: readonly string[]): Promise<{
    readonly heads: Readonly<Record<string, number>>;
    readonly lost: number;
  }>;
  /** The disk below is full until told otherwise; undefined where none can be had. */
  readonly fillDisk?: (isFull: boolean) => void;
  /** Ends the database as a crash does, and starts it again. */
  readonly crashDatabase?: () => Promise<void>;
  /** Ends what is between the servers, and starts it again; what it held is lost. */
  readonly crashBroker?: () => Promise<void>;
  /** Every connection between servers and engines, where there are some. */
  readonly ways?: readonly CuttingProxy[];
  /** Once all servers have ended. */
  close(): void | Promise<void>;
}

/** A store, and what belongs to it, under test. */
export interface Backend {
  readonly name: string;
  /** False where its engines are not installed; absent where it needs none. */
  canStart?(): Promise<boolean>;
  /** @param folder of this round; it is empty, and removed afterwards */
  prepare(folder: string): Promise<Engine>;
  /** In a process of its own. */
  open(place: string): OpenedBackend | Promise<OpenedBackend>;
}
