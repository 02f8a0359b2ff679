const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23 } as const;

function parserOf(oid: number): (value: string) => unknown {
  switch (oid) {
    case OID.bool:
      return (value) => value === "t";
    case OID.bytea:
      // The hex format of PostgreSQL 9 and newer: \x, and two digits a byte.
      return (value) => Buffer.from(value.slice(2), "hex");
    case OID.int8:
    case OID.int2:
    case OID.int4:
      // All numbers here are safe integers.
      return Number;
    default:
      return (value) => value;
  }
}

/** How our columns are read, whatever parsers the application has set for its own. */
export const POSTGRES_TYPES = { getTypeParser: parserOf } as const;
