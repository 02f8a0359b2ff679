import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Session } from "./accounts.js";

/** The chat's tokens: short-lived JSON Web Tokens, one after another for as long as the session is open. */
export interface Tokens {
  /** A new token of a session. */
  issue(session: Session): Promise<string>;
  /** What a token says. @throws if it is forged, expired, or meant for something else */
  verify(token: string): Promise<{ readonly session: Session; readonly expiresAt: number }>;
}

const ISSUER = "fastify-example";
/** A token of this application that is not for the chat does not open it. */
const AUDIENCE = "chat";

/**
 * @param secret signs the tokens; 32 random bytes
 * @param life seconds until a token expires
 */
export function createTokens(secret: Uint8Array, life: number): Tokens {
  return {
    issue: ({ id, userId }) =>
      new SignJWT({ sid: id })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(userId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000) + life)
        .sign(secret),
    async verify(token) {
      const { payload } = await jwtVerify<JWTPayload & { readonly sid: string }>(token, secret, {
        // Named, so that a token can't choose how it is checked.
        algorithms: ["HS256"],
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["sub", "sid", "exp"],
      });
      return { session: { id: payload.sid, userId: payload.sub! }, expiresAt: payload.exp! * 1_000 };
    },
  };
}
