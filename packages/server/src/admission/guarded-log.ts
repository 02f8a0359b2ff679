import type { Logger } from "@chat/protocol";

type Field = string | number | boolean;

const ID = /^[^\p{Cc}]{1,128}$/u;
const WORD = /^[\w$.-]{1,64}$/;
const FRAMES = /^(\s+at .*:\d+:\d+\)?(\n|$))*$/;

function matches(pattern: RegExp) {
  return (value: Field): Field | undefined =>
    typeof value === "string" && pattern.test(value) ? value : undefined;
}

function number(value: Field): Field | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A sentence, whatever it quotes, begins no line of its own and is none too long. */
function oneLine(sentence: string): string {
  return sentence.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 500);
}

/** An error printed as `Name: sentence` keeps its name: sentences of drivers quote what people wrote. */
function errorName(value: Field): Field | undefined {
  return typeof value === "string" ? /^[\w$.-]{1,64}(?=$|:)/.exec(value)?.[0] : undefined;
}

/** All that a log line may hold, and what each field must look like. */
const FIELDS: Readonly<Record<string, (value: Field) => Field | undefined>> = {
  userId: matches(ID),
  deviceId: matches(ID),
  conversationId: matches(ID),
  serverId: matches(ID),
  clientMessageId: matches(ID),
  region: matches(ID),
  error: errorName,
  code: matches(WORD),
  provider: matches(WORD),
  broker: matches(WORD),
  queue: matches(WORD),
  cause: matches(WORD),
  stack: matches(FRAMES),
  /** The sentence of a ChatError: our own, about an engine or why the server could not start, with what an engine says of itself. */
  reason: (value) => (typeof value === "string" ? oneLine(value) : undefined),
  head: number,
  row: number,
  after: number,
  entries: number,
  delivered: number,
  envelopes: number,
  number,
  ms: number,
};

/**
 * Lets through what is on the list. A field that is not named there, or does not look as it should, is left out: who adds a
 * line to the log can't print a token, a text or a name by mistake.
 */
export function guardedLog(log: Logger): Logger {
  return (level, event, fields) => {
    const allowed: Record<string, Field> = {};
    for (const [name, value] of Object.entries(fields)) {
      const field = value === undefined || !Object.hasOwn(FIELDS, name) ? undefined : FIELDS[name]!(value);
      if (field !== undefined) allowed[name] = field;
    }
    log(level, event, allowed);
  };
}
