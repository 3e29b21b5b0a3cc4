/**
 * One process of `bench/funnel.ts`: `worker.ts ROLE WAY TARGET SENDERS SENDER SIZE COUNT`. A sender sends COUNT messages when it is told to; the
 * receiver takes those of all and prints the nanoseconds from the end of the first quarter on.
 */
import { Channel } from "../../src/mod.ts";
import { FrameCheck, FrameSource } from "../ring/framed.ts";
import { now, stamp, verify } from "../ring/numbered.ts";

const [role = "", way = "", target = "", senders = "1", sender = "0", bytes = "64", messages = "1"] =
  process.argv.slice(2);
const [size, count, total] = [Number(bytes), Number(messages), Number(messages) * Number(senders)];
const capacity = 1 << 20;

const ROLES: Record<string, () => Promise<void>> = {
  async "send channel"() {
    const channel = await Channel.sender(target, { capacity });
    await barrier();
    const message = new Uint8Array(size);
    for (let i = 1; i <= count; i++) {
      stamp(message, 0, size, i);
      message[4] = Number(sender);
      channel.sendSync(message);
    }
    await channel.close();
  },

  async "receive channel"() {
    const channel = await Channel.receiver(target, { capacity });
    console.log("ready");
    const next = new Uint32Array(Number(senders));
    let start = 0;
    for (let received = 0; received < total; received++) {
      const message = channel.receiveSync();
      if (message === undefined) throw new Error("The stream ended too early");
      const from = message[4] as number;
      next[from] = (next[from] as number) + 1;
      verify(message, 0, message.length, size, next[from] as number);
      if (received === total >> 2) start = now();
    }
    console.log(now() - start);
    await channel.close();
  },

  async "send unix"() {
    const source = new FrameSource(size, count);
    await barrier();
    await new Promise<void>((resolve, reject) => {
      let rest: Uint8Array | undefined;
      const pump = (socket: { write(data: Uint8Array): number }) => {
        for (let frame = rest ?? source.next(); frame !== undefined; frame = source.next()) {
          const written = socket.write(frame);
          rest = written < frame.length ? frame.subarray(Math.max(written, 0)) : undefined;
          if (rest !== undefined) return;
        }
      };
      const socket = {
        open: pump,
        drain: pump,
        data() {},
        close: () => resolve(),
        error: (_: unknown, e: Error) => reject(e),
      };
      Bun.connect({ unix: target, socket }).catch(reject);
    });
  },

  async "receive unix"() {
    let received = 0;
    let start = 0;
    await new Promise<void>((resolve, reject) => {
      const checks = new Map<unknown, FrameCheck>();
      const server = Bun.listen({
        unix: target,
        socket: {
          open: (socket) => void checks.set(socket, new FrameCheck(size)),
          data(socket, chunk) {
            const check = checks.get(socket) as FrameCheck;
            const before = check.received;
            check.add(chunk);
            received += check.received - before;
            if (start === 0 && received > total >> 2) start = now();
            if (check.received === count) socket.end();
            if (received < total) return;
            server.stop();
            resolve();
          },
          error: (_socket, error) => reject(error),
        },
      });
      console.log("ready");
    });
    console.log(now() - start);
  },
};

await ROLES[`${role} ${way}`]?.();
process.exit(0);

/** Waits until all senders are there. */
async function barrier(): Promise<void> {
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
}
