export function internalNames(
  root: string,
  entries: readonly string[],
): { readonly internal: readonly string[]; readonly kept: ReadonlyMap<string, string> };
