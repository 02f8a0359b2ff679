export { createClientCodec } from "@chat/protocol";
