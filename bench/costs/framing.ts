import { FRAME_FORMATS } from "../../src/ipc/framing/frame-format.ts";
import { FrameWriter } from "../../src/ipc/framing/frame-writer.ts";
import type { Task } from "./task.ts";

/** What goes out with one write. */
const TOGETHER = 32;
const BURSTS = 32;

/** A message into a stream of bytes and out of it, without the stream: what one side writes is copied to where the other reads. */
export function framing(): Task[] {
  return (["length", "lines"] as const).flatMap((name) =>
    [64, 1024].map((size) => ({
      job: `framing "${name}", ${size} B`,
      times: BURSTS * TOGETHER,
      run: frameAndUnframe(name, size),
    })),
  );
}

function frameAndUnframe(name: "length" | "lines", size: number): () => void {
  const format = FRAME_FORMATS[name];
  const reader = format.reader("costs", size);
  let received = 0;
  const writer = new FrameWriter("costs", -1, format, (_descriptor, bytes) => {
    for (let at = 0; at < bytes.length; ) {
      const room = reader.room();
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      reader.filled(part.length);
      at += part.length;
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        // no byte is a newline
        if (message.length !== size || message[0] !== 11 + (received & 127))
          throw new Error(`Message ${received} came wrong`);
        received++;
      }
    }
    return bytes.length;
  });
  const message = new Uint8Array(size).fill(97);
  let sent = 0;
  return () => {
    for (let burst = 0; burst < BURSTS; burst++) {
      writer.cork();
      for (let i = 0; i < TOGETHER; i++) {
        message[0] = 11 + (sent & 127);
        writer.write(message);
        sent++;
      }
      writer.uncork();
    }
    if (received !== sent) throw new Error(`${received} messages came of ${sent}`);
  };
}
