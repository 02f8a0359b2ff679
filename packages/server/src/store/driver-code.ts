/** The code that a driver or the system gave an error: `23505`, `SQLITE_FULL`, `ECONNREFUSED`. */
export function driverCode(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
