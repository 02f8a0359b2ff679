import { createClientCodec } from "@chat/protocol";

/** What reads and writes frames. */
export type ClientCodec = ReturnType<typeof createClientCodec>;

/** The codec: at once here. In the build for browsers load-codec-later.ts takes the place of this file. */
export function loadCodec(): ClientCodec | Promise<ClientCodec> {
  return createClientCodec();
}
