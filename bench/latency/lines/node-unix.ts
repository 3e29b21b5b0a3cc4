/** A unix socket of `node:net`. */
import { once } from "node:events";
import { connect as connectTo, createServer } from "node:net";
import { FrameReader, frameOf } from "../frames.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const socket = connectTo(target);
  await once(socket, "connect");
  const reader = new FrameReader();
  return {
    send: (message) => socket.write(frameOf(message)),
    listen: (reply) => void socket.on("data", (chunk) => reader.add(chunk as Uint8Array, reply)),
    close: () => socket.end(),
  };
}

export async function echo({ target }: LatencyJob): Promise<void> {
  const reader = new FrameReader();
  await new Promise<void>((resolve) => {
    const server = createServer((socket) => {
      socket.on("data", (chunk) => reader.add(chunk as Uint8Array, (message) => void socket.write(frameOf(message))));
      socket.on("close", () => resolve());
    });
    server.listen(target, () => console.log("ready"));
  });
}
