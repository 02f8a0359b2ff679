import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";

/** Says who somebody is, and checks it. */
export interface Login {
  tokenFor(userId: string): string;
  /** @throws Error if the token was not made here */
  verify(token: string): string;
}

/**
 * The smallest login that can be: whoever gives a name gets a token for it. A real application has a login
 * of its own (passwords, single sign-on…) and hands out its own tokens; the chat server only asks whose a
 * token is.
 *
 * A token is the user id and a signature over it, under a secret of this installation.
 */
export function createLogin(secretFile: string): Login {
  const secret = readOrCreate(secretFile);
  const sign = (userId: string): Buffer => createHmac("sha256", secret).update(userId).digest();

  return {
    tokenFor: (userId) =>
      `${Buffer.from(userId).toString("base64url")}.${sign(userId).toString("base64url")}`,

    verify(token) {
      const [name = "", signature = ""] = token.split(".");
      const userId = Buffer.from(name, "base64url").toString();
      const given = Buffer.from(signature, "base64url");
      const expected = sign(userId);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new Error("The token was not made here.");
      }
      return userId;
    },
  };
}

function readOrCreate(file: string): Buffer {
  // Servers that start at the same moment agree on one: it is there whole, or not at all.
  const own = `${file}.${process.pid}`;
  writeFileSync(own, randomBytes(32), { mode: 0o600 });
  try {
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(own);
  }
  return readFileSync(file);
}
