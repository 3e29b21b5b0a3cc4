/** A unix socket of Bun's own. What the socket does not take at once waits until it drains. */
import { FrameReader, frameOf } from "../frames.ts";
import type { LatencyJob, Line } from "../job.ts";

interface BunSocket {
  write(data: Uint8Array): number;
  end(): unknown;
}

/** Frames that a socket has not taken yet. */
class Pending {
  #frames: Uint8Array[] = [];

  write(socket: BunSocket, message: Uint8Array): void {
    this.#frames.push(frameOf(message));
    if (this.#frames.length === 1) this.drain(socket);
  }

  drain(socket: BunSocket): void {
    for (let frame = this.#frames[0]; frame !== undefined; frame = this.#frames[0]) {
      const written = Math.max(0, socket.write(frame));
      if (written < frame.length) {
        this.#frames[0] = frame.subarray(written);
        return;
      }
      this.#frames.shift();
    }
  }
}

export async function connect({ target }: LatencyJob): Promise<Line> {
  const pending = new Pending();
  const reader = new FrameReader();
  let listener: (message: Uint8Array) => void = () => {};
  const socket = await Bun.connect({
    unix: target,
    socket: {
      data: (_socket, chunk) => reader.add(chunk, listener),
      drain: (socket) => pending.drain(socket),
    },
  });
  return {
    send: (message) => pending.write(socket, message),
    listen(reply) {
      listener = reply;
    },
    close: () => socket.end(),
  };
}

export async function echo({ target }: LatencyJob): Promise<void> {
  const pending = new Pending();
  const reader = new FrameReader();
  await new Promise<void>((resolve) => {
    Bun.listen({
      unix: target,
      socket: {
        data: (socket, chunk) => reader.add(chunk, (message) => pending.write(socket, message)),
        drain: (socket) => pending.drain(socket),
        close: () => resolve(),
      },
    });
    console.log("ready");
  });
}
