import { readFileSync, writeFileSync } from "node:fs";
import webpush from "web-push";

/** What push services and browsers know this installation by. */
export interface PushKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The keys that sign pushes, made at the first start: with other ones every browser would have to subscribe anew. */
export function readPushKeys(file: string): PushKeys {
  try {
    writeFileSync(file, JSON.stringify(webpush.generateVAPIDKeys()), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return JSON.parse(readFileSync(file, "utf8")) as PushKeys;
}
