import type { SqlValue } from "../sql/sql-engine.js";
import { type JsonCell, jsonOf } from "./json-rows.js";

/** A statement as MySQL takes it, and which value each of its question marks stands for. */
export interface CompiledStatement {
  readonly sql: string;
  valuesOf(values: readonly SqlValue[], instance: string): (string | null)[];
}

/** `$1` is the first value, `$rows` all values as the columns of one list, `$instance` the run of the server. */
const PLACE = /\$(\d+|rows|instance)\b/g;

const compiled = new Map<string, CompiledStatement>();

/** @param text with numbered places, each of which may stand in it several times */
export function compileStatement(text: string): CompiledStatement {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const places = [...text.matchAll(PLACE)].map(([, place]) => place!);
  const statement: CompiledStatement = {
    sql: text.replaceAll(PLACE, "?"),
    valuesOf: (values, instance) =>
      places.map((place) => {
        if (place === "instance") return instance;
        return place === "rows" ? rowsOf(values) : parameterOf(values[Number(place) - 1]!);
      }),
  };
  // As many as there are texts in the source.
  compiled.set(text, statement);
  return statement;
}

/** Numbers travel as text: what drivers send for them otherwise is no integer, which LIMIT does not take. */
function parameterOf(value: SqlValue): string | null {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return jsonOf(value);
}

function rowsOf(values: readonly SqlValue[]): string {
  const columns = values as readonly (readonly JsonCell[])[];
  return jsonOf(columns[0]!.map((_, index) => columns.map((column) => column[index]!)));
}
