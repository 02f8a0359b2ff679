import type { ClientCodec } from "./load-codec.js";

let tries = 0;

/**
 * The codec, loaded when a first socket is open: nothing else needs it, and where the socket got through, so will the file. Should it be lost
 * all the same, the next try to connect takes a copy of another name, as some browsers remember that a file could not be had.
 */
export async function loadCodec(): Promise<ClientCodec> {
  const { createClientCodec } = await (tries++ % 2 === 0
    ? import("./client-codec.js")
    : import("./client-codec-again.js"));
  return createClientCodec();
}
