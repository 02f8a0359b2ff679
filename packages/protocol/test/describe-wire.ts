import type { FrameType } from "../src/frame.js";
import { CLIENT_FRAMES, SERVER_FRAMES } from "../src/frames/index.js";

/**
 * The whole wire as text, one frame a paragraph. A test compares it with the committed description,
 * so that every change of the wire shows as a diff to be judged.
 */
export function describeWire(): string {
  const describe = ({ code, name, shape }: FrameType): string =>
    [`${code} ${name}`, ...Object.entries(shape).map(([field, { wire }]) => `  ${field}: ${wire}`)].join(
      "\n",
    );
  return [...CLIENT_FRAMES, ...SERVER_FRAMES].map(describe).join("\n\n") + "\n";
}
