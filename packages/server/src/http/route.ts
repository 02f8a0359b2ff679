import { ChatError, type ErrorCode } from "@chat/protocol";
import type { Allowance, OperationClass } from "../admission/operation-rates.js";
import type { Tally } from "../admission/tally.js";
import type { Caller, OperationContext } from "../operations/operation-context.js";
import type { JsonFields, JsonSchema, JsonValues } from "./json-field.js";

/** The methods of the service. HEAD is answered as GET without a body. */
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a route works with: who asks for what, checked. */
interface RouteCall<
  P extends JsonFields = JsonFields,
  Q extends JsonFields = JsonFields,
  B extends JsonFields = JsonFields,
> {
  readonly context: OperationContext;
  readonly caller: Caller;
  /** The caller's rates, for what takes them off by itself. */
  readonly allowance: Allowance;
  readonly tally: Tally;
  readonly path: JsonValues<P>;
  readonly query: JsonValues<Q>;
  readonly body: JsonValues<B>;
}

/** One operation over HTTP: how it is asked for, what it answers, and what the OpenAPI document says of it. */
export interface RouteDefinition<P extends JsonFields, Q extends JsonFields, B extends JsonFields> {
  readonly method: Method;
  /** With parameters in braces: `/conversations/{conversationId}`. */
  readonly path: string;
  /** camelCase, once in the table; what code generators name their functions by. */
  readonly operationId: string;
  /** One line. */
  readonly summary: string;
  /** What it guarantees, who may, and what happens when it is repeated. */
  readonly description: string;
  readonly parameters?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The schema of what `run` gives; see `answerOf` for those with a name. */
  readonly answer: JsonSchema;
  /** What it refuses with, besides what every route may. */
  readonly errors: readonly ErrorCode[];
  /** What a request takes off the user's rates before it runs; absent where `run` does so. */
  readonly counts?: OperationClass;
  /** The answer may be kept by the caller's own cache, which asks each time whether it still holds. */
  readonly revalidates?: true;
  run(call: RouteCall<P, Q, B>): Promise<unknown>;
}

/** A route of the table. */
export interface Route extends RouteDefinition<JsonFields, JsonFields, JsonFields> {
  /** The raw parameters of a path, undefined if it is another route's. @throws ChatError `invalid_argument` */
  match(pathname: string): Readonly<Record<string, string>> | undefined;
}

/** Declares a route; the types of what `run` is given follow from its fields. */
export function defineRoute<
  const P extends JsonFields = Record<never, never>,
  const Q extends JsonFields = Record<never, never>,
  const B extends JsonFields = Record<never, never>,
>(definition: RouteDefinition<P, Q, B>): Route {
  const pattern = new RegExp(`^${definition.path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
  return {
    // What `run` is given was parsed with these very fields.
    ...(definition as unknown as RouteDefinition<JsonFields, JsonFields, JsonFields>),
    match(pathname) {
      const match = pattern.exec(pathname);
      if (match === null) return undefined;
      const raw = Object.entries(match.groups ?? {});
      return Object.fromEntries(raw.map(([name, value]) => [name, decoded(value, name)]));
    },
  };
}

function decoded(value: string, name: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new ChatError("invalid_argument", `${name} in the path is not percent-encoded UTF-8.`);
  }
}
