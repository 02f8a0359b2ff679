/** The WebSocket subprotocol. Its number rises only when old and new peers could not understand each other. */
export const SUBPROTOCOL = "chat.v1";

/** Rises with every change that an old peer can ignore; told in hello and welcome. */
export const PROTOCOL_MINOR = 0;
