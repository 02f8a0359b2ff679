import { ENTRY_KINDS, type EncodedRun, type Entry, LIMITS, type ServerCodec } from "@chat/protocol";
import { chainFingerprint } from "../store/chain-fingerprint.js";
import { contentBytes } from "../store/content-bytes.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { LargeGroup } from "./large-group.js";
import { RecentEntries } from "./recent-entries.js";
import type { LocalRecipients, Recipient } from "./recipient.js";
import { isFrom, toEntry } from "./to-entry.js";

/** Entries that wait in one track for those before them; beyond it they are read from the store. */
const EARLY_ENTRIES = 512;

interface LocalMember {
  /** The first messageId that the user may see of the newest interval. */
  readonly from: number;
  /** The deliverer's, so that it always has the user's sessions of the moment. */
  readonly user: LocalRecipients;
}

/** What a track needs of its deliverer. */
export interface TrackEnvironment {
  readonly encodeRun: ServerCodec["encodeRun"];
  /** From more connected members on a conversation may be a large group. */
  readonly largeGroupOnline: number;
  largeGroup(track: Track): LargeGroup;
  readonly share: ServerCodec["share"];
  /** Counts on, one for each run that is delivered. */
  count(): number;
  /** A user became a member. The user, with sessions on this server. */
  joined(userId: string, track: Track): LocalRecipients | undefined;
  /** A user who is here is no member any more. */
  left(userId: string, track: Track): void;
  /** What the store has next does not follow what was delivered. */
  diverged(track: Track): void;
}

/** The userIds that a membership entry names. */
function membersOf(entry: StoredEntry): readonly string[] {
  const members: unknown = entry.data?.["members"];
  return Array.isArray(members) ? (members as string[]) : [];
}

/**
 * One conversation with members on this server: how far it was delivered, and to whom.
 * Delivers every entry once, in order, each to those who are members at that entry.
 */
export class Track {
  /** The highest id that something said exists; above `head` while a gap is open. */
  wanted: number;
  /** True while a gap is being filled in the background. */
  filling = false;
  /** What is missing won't come by itself. */
  mustRead = false;
  /** When entries were last delivered, as its environment counts. */
  movedAt = 0;
  /** The newest head of the row, as the store told it. */
  rowHead: number;
  /** When the store first told a row that had seen all that was delivered, counted in the same way. */
  seenAt = 0;
  /** The read of the store that is under way for this track. */
  catchingUp: Promise<void> | undefined;
  readonly #members = new Map<string, LocalMember>();
  #large: LargeGroup | undefined;
  #recent: RecentEntries | undefined;
  readonly #early = new Map<number, StoredEntry>();

  constructor(
    readonly conversationId: string,
    /** The highest id that was delivered. */
    public head: number,
    /** Fingerprint of the entry at `head`; undefined where it is not known. */
    public fingerprint: number | undefined,
    private readonly environment: TrackEnvironment,
  ) {
    this.wanted = this.rowHead = head;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** The members who are here. */
  get members(): ReadonlyMap<string, Pick<LocalMember, "user">> {
    return this.#members;
  }

  hasMember(userId: string): boolean {
    return this.#members.has(userId);
  }

  /** The first id that a member who is here may see of the newest interval. */
  visibleFrom(userId: string): number | undefined {
    return this.#members.get(userId)?.from;
  }

  /** Adds a member whose sessions may see what comes from the id `from` on. */
  add(userId: string, from: number, user: LocalRecipients): void {
    if (!this.#members.has(userId)) this.#members.set(userId, { from, user });
  }

  remove(userId: string): void {
    this.#members.delete(userId);
  }

  /** The newest entries, while they are not pushed. */
  get recent(): RecentEntries | undefined {
    return this.#recent;
  }

  /** It is delivered no more. */
  end(): void {
    this.#large?.end();
  }

  /** False if an entry is not the one that was delivered last, or does not follow it: one of the two is of a history that was lost. */
  fits(entry: StoredEntry): boolean {
    const { head, fingerprint } = this;
    if (fingerprint === undefined) return true;
    if (entry.messageId === head + 1) return chainFingerprint(fingerprint, entry) === entry.fingerprint;
    return entry.messageId !== head || entry.fingerprint === fingerprint;
  }

  /**
   * Takes entries in any order, and delivers as far as they reach without a gap. What does not follow is read from the store, which alone can
   * say that something was lost: what another server tells may be of before.
   */
  take(entries: readonly StoredEntry[], isFromStore = false): void {
    for (const entry of entries) {
      if (entry.messageId > this.wanted) this.wanted = entry.messageId;
      if (entry.messageId > this.head && this.#early.size < EARLY_ENTRIES)
        this.#early.set(entry.messageId, entry);
    }
    let run: StoredEntry[] = [];
    let bytes = 0;
    const deliver = (): void => {
      this.#deliver(run);
      [run, bytes] = [[], 0];
    };
    for (
      let next = this.#early.get(this.head + 1);
      next !== undefined;
      next = this.#early.get(this.head + 1)
    ) {
      if (!this.fits(next)) {
        this.#early.clear();
        deliver();
        if (isFromStore) this.environment.diverged(this);
        else this.mustRead = true;
        return;
      }
      this.#early.delete(next.messageId);
      this.head = next.messageId;
      this.fingerprint = next.fingerprint;
      const changesMembers =
        next.kind === ENTRY_KINDS.membersAdded || next.kind === ENTRY_KINDS.membersRemoved;
      if (changesMembers || next.kind === ENTRY_KINDS.created) {
        // What came before goes to those who were members then.
        deliver();
        this.#applyMembership(next);
      }
      run.push(next);
      bytes += contentBytes(next);
      if (run.length === LIMITS.rangeEntries || bytes >= LIMITS.rangeBytes) deliver();
    }
    deliver();
  }

  /**
   * Takes what the store holds right behind the head. It replaces what came early: the store has it all, and a full
   * buffer must not keep out the one entry that is next.
   */
  takeFromStore(entries: readonly StoredEntry[]): void {
    const first = entries[0];
    // Ids in between, which the store holds no longer.
    if (first !== undefined && first.messageId > this.head + 1) {
      this.head = first.messageId - 1;
      this.fingerprint = undefined;
    }
    this.#early.clear();
    this.take(entries, true);
  }

  #applyMembership(entry: StoredEntry): void {
    for (const userId of membersOf(entry)) {
      if (entry.kind === ENTRY_KINDS.membersRemoved) {
        if (this.#members.delete(userId)) this.environment.left(userId, this);
      } else if (!this.#members.has(userId)) {
        const user = this.environment.joined(userId, this);
        if (user !== undefined) this.add(userId, entry.messageId, user);
      }
    }
  }

  #deliver(run: readonly StoredEntry[]): void {
    const first = run[0];
    if (first === undefined || this.#members.size === 0) return;
    this.movedAt = this.environment.count();
    let isNews = false;
    if (this.#members.size > this.environment.largeGroupOnline || this.#large !== undefined) {
      this.#large ??= this.environment.largeGroup(this);
      isNews = this.#large.takes(run.length, this.#members.size);
      if (isNews) (this.#recent ??= new RecentEntries(this.environment.share)).add(run);
      else this.#recent = undefined;
      if (this.#large.isOver) this.#large = undefined;
      if (isNews && first.kind !== ENTRY_KINDS.membersAdded) return;
    }
    const last = run[run.length - 1]!;
    const senders = new Set(run.map((entry) => entry.senderId));
    const encoded = new Map<number, EncodedRun>();
    /** The part of the run from an id on. */
    const encodedFrom = (from: number): EncodedRun => {
      let part = encoded.get(from);
      if (part === undefined) {
        part = this.environment.encodeRun({
          type: "entries",
          conversationId: this.conversationId,
          after: from - 1,
          through: last.messageId,
          entries: run.slice(from - first.messageId).map((entry) => toEntry(entry)),
        });
        encoded.set(from, part);
      }
      return part;
    };
    for (const [userId, member] of this.#members) {
      // Who has just come holds nothing that news could be added to.
      if (member.from > last.messageId || (isNews && member.from < first.messageId)) continue;
      const from = Math.max(member.from, first.messageId);
      const { bytes } = encodedFrom(from);
      if (!senders.has(userId)) {
        for (const recipient of member.user.recipients) recipient.deliver(bytes);
        continue;
      }
      for (const recipient of member.user.recipients) {
        const own = ownEntries(run.slice(from - first.messageId), recipient);
        const frame = own.size === 0 ? bytes : encodedFrom(from).with(own);
        recipient.deliver(frame);
      }
    }
  }
}

/** The entries of a run that a device has sent, as only that device is told them. */
function ownEntries(run: readonly StoredEntry[], recipient: Recipient): Map<number, Entry> {
  const own = new Map<number, Entry>();
  run.forEach((entry, index) => {
    if (isFrom(entry, recipient)) own.set(index, toEntry(entry, recipient));
  });
  return own;
}
