import { joinFrames, LIMITS } from "@chat/protocol";

/** Collects frames and sends what came up in one turn as one WebSocket message, or as few as its limits allow. */
export function createFrameWriter(send: (message: Uint8Array) => void): (frame: Uint8Array) => void {
  let frames: Uint8Array[] = [];
  let bytes = 0;

  function flush(): void {
    if (frames.length === 0) return;
    const message = joinFrames(frames);
    frames = [];
    bytes = 0;
    send(message);
  }

  return (frame) => {
    if (frames.length === LIMITS.framesPerWireMessage || bytes + frame.length > LIMITS.wireMessageBytes)
      flush();
    // A microtask, because timers of pages in the background are held back for seconds.
    if (frames.length === 0) void Promise.resolve().then(flush);
    frames.push(frame);
    bytes += frame.length;
  };
}
