import { hexOf } from "../sql/hex-of.js";

/** What can be in a list that is handed to MySQL. */
export type JsonCell = string | number | boolean | null | Uint8Array;

const TYPES = { int: "BIGINT", hex: "VARCHAR(600)", long: "LONGTEXT" } as const;

/** A list as one parameter. Texts and bytes are two digits a byte: no character set and no mode of escaping touches them. */
export function jsonOf(cells: readonly JsonCell[] | readonly (readonly JsonCell[])[]): string {
  return JSON.stringify(
    cells.map((cell) => (Array.isArray(cell) ? cell.map(plain) : plain(cell as JsonCell))),
  );
}

function plain(cell: JsonCell): string | number | null {
  if (typeof cell === "string") return Buffer.from(cell, "utf8").toString("hex");
  if (cell instanceof Uint8Array) return hexOf(cell);
  return typeof cell === "boolean" ? Number(cell) : cell;
}

/**
 * A table whose rows are a parameter, and which is read first: its columns by name, `int`, `hex` (an id) or `long`.
 * One column and `cell` as the parameter's own elements. MySQL 8.0.4 and MariaDB 10.6 are the first that have it.
 */
export function jsonTable(
  parameter: string,
  alias: string,
  columns: Readonly<Record<string, keyof typeof TYPES>>,
  cell = false,
): string {
  const list = Object.entries(columns).map(
    ([name, type], index) => `${name} ${TYPES[type]} PATH '$${cell ? "" : `[${index}]`}'`,
  );
  // The dollar signs of paths are no parameters.
  return `JSON_TABLE(${parameter}, '$[*]' COLUMNS (n FOR ORDINALITY, ${list.join(", ")})) ${alias}`;
}
