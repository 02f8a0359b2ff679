/** A group of users that write to each other. The first of them founds it and never leaves. */
export interface Room {
  readonly id: string;
  readonly members: readonly string[];
}

/** Somebody's device; users have several. */
export interface DeviceSpec {
  readonly name: string;
  readonly user: string;
}

/** The highest id by conversation. */
export type Heads = Readonly<Record<string, number>>;

/** What a player is asked to do, and what it answers with. */
export interface PlayerRequests {
  /** Sets devices up, and has those of founders create their rooms. Resolves once every device is a member of its rooms. */
  readonly setUp: {
    readonly ask: {
      readonly devices: readonly DeviceSpec[];
      readonly rooms: readonly Room[];
      readonly history: string;
      readonly seed: number;
      /** Messages of one device that may be unanswered; 0 if none writes by itself. */
      readonly window: number;
      /** Whether members come and go. */
      readonly changesMembers: boolean;
      /** Whether connections are cut and slowed. */
      readonly disturbs: boolean;
    };
    readonly answer: null;
  };
  /** From now on devices write, as fast as their windows let them, or rest. */
  readonly write: { readonly ask: { readonly is: boolean }; readonly answer: null };
  /** Parts the devices from all servers. */
  readonly part: { readonly ask: object; readonly answer: null };
  /** Ends that; the devices are told that there is a network again. Gives the ms until all hold these heads, or null if they never do. */
  readonly heal: { readonly ask: { readonly heads: Heads }; readonly answer: number | null };
  readonly heads: { readonly ask: object; readonly answer: Heads };
  /** No more disturbances, no more writing: resolves once nothing waits in any outbox. Gives what does not come to rest. */
  readonly drain: { readonly ask: object; readonly answer: readonly string[] };
  /** One device writes many messages of so many characters. Resolves once all of them have an outcome. */
  readonly writeMany: {
    readonly ask: {
      readonly conversation: string;
      readonly device: string;
      readonly count: number;
      readonly characters: number;
    };
    readonly answer: null;
  };
  /** Gives the wall-clock ms at which the last of the devices was online with everything synced; null if one never is. */
  readonly synced: { readonly ask: object; readonly answer: number | null };
  /** How often devices tried to connect since this was asked the last time. */
  readonly attempts: {
    readonly ask: object;
    readonly answer: { readonly all: number; readonly most: number };
  };
  /** One device writes one message. */
  readonly writeOne: {
    readonly ask: { readonly conversation: string; readonly device: string };
    readonly answer: number;
  };
  /** Gives the wall-clock ms at which the last of the devices had these heads; null if one never does. */
  readonly hold: { readonly ask: { readonly heads: Heads }; readonly answer: number | null };
  /** Writes down all that each device shows, and what a new device of each user does; then all end. */
  readonly show: { readonly ask: object; readonly answer: readonly string[] };
}

/** To a player's process. */
export type ToPlayer =
  | {
      readonly [K in keyof PlayerRequests]: {
        readonly type: K;
        readonly number: number;
      } & PlayerRequests[K]["ask"];
    }[keyof PlayerRequests]
  /** Where servers listen now. */
  | { readonly type: "servers"; readonly ports: readonly number[]; readonly isNews: boolean };

/** From a player's process. */
export type FromPlayer =
  | { readonly type: "answer"; readonly number: number; readonly answer: unknown }
  | { readonly type: "failed"; readonly number: number; readonly reason: string }
  /** Now and then. */
  | { readonly type: "progress"; readonly acknowledged: number; readonly cuts: number };
