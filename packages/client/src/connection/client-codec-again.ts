// The build for browsers makes a copy of client-codec.ts of this, and no reference to it.
export { createClientCodec } from "./client-codec.js";
