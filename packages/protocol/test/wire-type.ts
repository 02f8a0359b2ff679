/** A field's type as its `wire` text says it. */
export type WireType =
  | { readonly kind: "uint" | "step" | "bool" | "id" | "uuid" }
  | { readonly kind: "text" | "string" | "data"; readonly max: number }
  | { readonly kind: "oneOf"; readonly words: readonly string[] }
  | { readonly kind: "list"; readonly max: number; readonly item: WireType }
  | { readonly kind: "struct"; readonly fields: readonly WireField[] };

/** A field of a struct. */
export interface WireField {
  readonly name: string;
  readonly type: WireType;
  readonly optional: boolean;
}

/** Reads the text of a field's type, as it stands in wire.txt: what the text leaves out, no test can make up. */
export function parseWire(wire: string): { readonly type: WireType; readonly optional: boolean } {
  let rest = wire;

  function take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(rest);
    if (match === null || match.index !== 0) return undefined;
    rest = rest.slice(match[0].length);
    return match;
  }

  function takeType(): WireType {
    let match = take(/array of at most (\d+) × /);
    if (match) return { kind: "list", max: Number(match[1]), item: takeType() };
    if (take(/\[/)) {
      const fields: WireField[] = [];
      do {
        const name = take(/(\w+): /);
        if (!name) break;
        fields.push({ name: name[1]!, type: takeType(), optional: takeOptional() });
      } while (take(/, /));
      if (take(/\]/) && fields.length > 0) return { kind: "struct", fields };
    }
    match = take(/str of at most (\d+) (code points|bytes)/);
    if (match) return { kind: match[2] === "bytes" ? "string" : "text", max: Number(match[1]) };
    match = take(/map \(JSON object of at most (\d+) bytes\)/);
    if (match) return { kind: "data", max: Number(match[1]) };
    match = take(/0 [\w-]+( \| \d+ [\w-]+)*/);
    if (match) return { kind: "oneOf", words: match[0].split(" | ").map((word) => word.split(" ")[1]!) };
    if (take(/uuid \(bin 16\)/)) return { kind: "uuid" };
    match = take(/uint|step|bool|id/);
    if (match) return { kind: match[0] as "uint" | "step" | "bool" | "id" };
    throw new Error(`no type of the wire: ${rest}`);
  }

  function takeOptional(): boolean {
    // How it is shortened changes nothing of what it may be.
    take(/, (derivable|repeated)(?!:)/);
    return take(/, optional(?!:)/) !== undefined;
  }

  const type = takeType();
  const optional = takeOptional();
  if (rest !== "") throw new Error(`more than a type of the wire: ${rest}`);
  return { type, optional };
}
