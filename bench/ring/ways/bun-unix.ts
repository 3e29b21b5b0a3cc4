/** Framed messages over a unix socket of Bun's own: `Bun.listen` and `Bun.connect`. */
import { FrameCheck, FrameSource } from "../framed.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";

export async function receive({ target, size, warmUp, count }: Job): Promise<number> {
  const check = new FrameCheck(size);
  let start = now();
  let begun = false;
  return await new Promise((resolve, reject) => {
    const server = Bun.listen({
      unix: target,
      socket: {
        data(socket, chunk) {
          check.add(chunk);
          if (!begun && check.received >= warmUp) {
            begun = true;
            start = now();
          }
          if (check.received < warmUp + count) return;
          resolve(now() - start);
          socket.end();
          server.stop();
        },
        error: (_socket, error) => reject(error),
      },
    });
    console.log("ready");
  });
}

export async function send({ target, size, warmUp, count }: Job): Promise<void> {
  const source = new FrameSource(size, warmUp + count);
  await new Promise<void>((resolve, reject) => {
    let rest: Uint8Array | undefined;
    const pump = (socket: { write(data: Uint8Array): number }) => {
      for (let frame = rest ?? source.next(); frame !== undefined; frame = source.next()) {
        const written = socket.write(frame);
        if (written < frame.length) {
          rest = frame.subarray(Math.max(written, 0));
          return;
        }
        rest = undefined;
      }
    };
    Bun.connect({
      unix: target,
      socket: {
        open: pump,
        drain: pump,
        data() {},
        close: () => resolve(),
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}

export async function pong({ target, size, warmUp, count }: Job): Promise<void> {
  let echoed = 0;
  await new Promise<void>((resolve, reject) => {
    const server = Bun.listen({
      unix: target,
      socket: {
        data(socket, chunk) {
          socket.write(chunk);
          echoed += chunk.length;
          if (echoed < size * (warmUp + count)) return;
          server.stop();
          resolve();
        },
        error: (_socket, error) => reject(error),
      },
    });
    console.log("ready");
  });
}

export async function ping({ target, size, warmUp, count }: Job): Promise<number> {
  const message = new Uint8Array(size);
  let number = 0;
  let start = now();
  return await new Promise((resolve, reject) => {
    const next = (socket: { write(data: Uint8Array): number }) => {
      stamp(message, 0, size, ++number);
      socket.write(message);
    };
    Bun.connect({
      unix: target,
      socket: {
        open: next,
        data(socket, reply) {
          verify(reply, 0, reply.length, size, number);
          if (number === warmUp) start = now();
          if (number < warmUp + count) return next(socket);
          resolve(now() - start);
          socket.end();
        },
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}
