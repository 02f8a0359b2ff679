/** What a process did to its disk, or promised. */
export type DiskEvent =
  | { readonly type: "write"; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: "truncate"; readonly path: string; readonly length: number }
  | { readonly type: "sync"; readonly path: string }
  | { readonly type: "unlink"; readonly path: string }
  | { readonly type: "promise"; readonly text: string };

const UNFINISHED = / <unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. \w+ resumed>/;
const DESCRIPTOR = String.raw`\d+<([^>]*)>`;
const PWRITE = new RegExp(String.raw`^pwrite64\(${DESCRIPTOR}, "([^"]*)", \d+, (\d+)\) += (\d+)$`);
const WRITE = new RegExp(String.raw`^write\(${DESCRIPTOR}, "([^"]*)", \d+\) += (\d+)$`);
const SYNC = new RegExp(String.raw`^(?:fsync|fdatasync)\(${DESCRIPTOR}\) += 0$`);
const TRUNCATE = new RegExp(String.raw`^ftruncate\(${DESCRIPTOR}, (\d+)\) += 0$`);
const UNLINK = /^unlink\("([^"]*)"\) += 0$/;

/**
 * Reads the output of `strace -f -y -xx`: writes, syncs and promises in the order in which the calls returned.
 * @param mark what a line on the standard error begins with that promises a text
 */
export function parseTrace(trace: string, mark: string): readonly DiskEvent[] {
  const begun = new Map<string, string>();
  const events: DiskEvent[] = [];
  for (const line of trace.split("\n")) {
    const space = line.indexOf(" ");
    const process = line.slice(0, space);
    let call = line.slice(space).trim();
    if (UNFINISHED.test(call)) {
      begun.set(process, call.replace(UNFINISHED, ""));
      continue;
    }
    if (RESUMED.test(call)) call = (begun.get(process) ?? "") + call.replace(RESUMED, "");
    const event = parseCall(call, mark);
    if (event !== undefined) events.push(event);
  }
  return events;
}

function parseCall(call: string, mark: string): DiskEvent | undefined {
  const pwrite = PWRITE.exec(call);
  if (pwrite !== null) {
    const [, path, data, offset, written] = pwrite as unknown as string[];
    return {
      type: "write",
      path: textOf(path!),
      offset: Number(offset),
      bytes: bytesOf(data!).subarray(0, Number(written)),
    };
  }
  const write = WRITE.exec(call);
  if (write !== null) {
    const text = bytesOf(write[2]!).toString();
    return text.startsWith(mark) ? { type: "promise", text: text.slice(mark.length, -1) } : undefined;
  }
  const sync = SYNC.exec(call);
  if (sync !== null) return { type: "sync", path: textOf(sync[1]!) };
  const truncate = TRUNCATE.exec(call);
  if (truncate !== null) return { type: "truncate", path: textOf(truncate[1]!), length: Number(truncate[2]) };
  const unlink = UNLINK.exec(call);
  return unlink === null ? undefined : { type: "unlink", path: textOf(unlink[1]!) };
}

function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}

/** Some versions write paths as bytes, too. */
function textOf(path: string): string {
  return path.startsWith("\\x") ? bytesOf(path).toString() : path;
}
