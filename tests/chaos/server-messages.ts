/** What a server's process is started with, as JSON. */
export interface ServerConfig {
  readonly backend: string;
  /** See `Engine.place`. */
  readonly place: string;
  readonly serverId: string;
  /** See ServerSettings. */
  readonly heartbeatInterval: number;
  /** False: it does not hear at once that another process wrote, as where the engine has no way to tell. */
  readonly watches: boolean;
}

/** To a server's process. */
export type ToServer =
  | { readonly type: "stop" }
  | { readonly type: "fill"; readonly isFull: boolean }
  | { readonly type: "envelope"; readonly bytes: Uint8Array };

/** From a server's process. */
export type FromServer =
  | { readonly type: "listening"; readonly port: number }
  | {
      readonly type: "log";
      readonly level: "warn" | "error";
      readonly event: string;
      readonly fields: string;
    }
  | { readonly type: "envelope"; readonly to: string; readonly bytes: Uint8Array }
  /** Each second, in bytes. */
  | { readonly type: "memory"; readonly resident: number; readonly connections: number };
