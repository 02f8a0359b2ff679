import type { Runtime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import { AnswerOverdue } from "./engine-failure.js";
import { unavailable } from "./unavailable.js";

/** How long is waited for a connection of the pool, ms. */
const CONNECT_DEADLINE = 5_000;
/** How long a statement or a transaction may take before its connection is closed, ms. */
export const ANSWER_DEADLINE = 15_000;

/** A connection of the pool. One that comes too late is given back. @param engine its name, for the operator */
export function connectInTime<Client>(
  { clock }: Runtime,
  engine: string,
  connecting: Promise<Client>,
  giveBack: (client: Client) => void,
): Promise<Client> {
  const sentence = `The pool gave no connection for ${CONNECT_DEADLINE} ms: ${engine} does not answer, or all are taken.`;
  const late = (): Error => new AnswerOverdue(sentence);
  return inTime(clock, CONNECT_DEADLINE, late, connecting, giveBack).catch((error: unknown) => {
    throw error instanceof Error ? error : unavailable("The pool gave no connection.", error);
  });
}
