import { isChatError } from "@chat/protocol";

/** What of an error may stand in a log. */
export interface LoggableError {
  readonly error: string;
  readonly code?: string;
  readonly cause?: string;
  readonly stack?: string;
}

/** Names and codes; anything longer or freer may be somebody's words. */
const NAME = /^[\w$.-]{1,64}$/;

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return isChatError(error) ? "ChatError" : "unknown";
  return NAME.test(error.name) ? error.name : "Error";
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  const { code } = error;
  return typeof code === "number" || (typeof code === "string" && NAME.test(code)) ? `${code}` : undefined;
}

/**
 * Name and code of an error, and of what caused it. Never its message: drivers quote values in it, and those are what
 * people wrote.
 */
export function loggableError(error: unknown): LoggableError {
  const code = codeOf(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return {
    error: nameOf(error),
    ...(code !== undefined && { code }),
    ...(cause !== undefined && { cause: codeOf(cause) ?? nameOf(cause) }),
  };
}

/** The same of a defect, and where it happened: the frames of the stack, without the message above them. */
export function loggableDefect(error: unknown): LoggableError {
  if (!(error instanceof Error) || error.stack === undefined) return loggableError(error);
  const { message, stack } = error;
  const at = message === "" ? -1 : stack.indexOf(message);
  const frames = (at === -1 ? stack : stack.slice(at + message.length))
    .split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  return { ...loggableError(error), stack: frames.join("\n") };
}
