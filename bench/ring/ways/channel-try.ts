/** `trySend` and `tryReceive` in a loop that spins. */
import { Channel } from "../../../src/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";

export async function send({ target, size, warmUp, count, capacity = CAPACITY }: Job): Promise<void> {
  const channel = await Channel.sender(target, { capacity });
  const message = new Uint8Array(size);
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    while (!channel.trySend(message));
  }
  await channel.close();
}

export async function receive({ target, size, warmUp, count, capacity = CAPACITY }: Job): Promise<number> {
  const channel = await Channel.receiver(target, { capacity });
  receiveAll(channel, size, 0, warmUp);
  const start = now();
  receiveAll(channel, size, warmUp, count);
  const taken = now() - start;
  await channel.close();
  return taken;
}

export const CAPACITY: number = 1 << 20;

function receiveAll(channel: Channel, size: number, before: number, count: number): void {
  for (let i = before + 1; i <= before + count; i++) {
    let message = channel.tryReceive();
    while (message === undefined) message = channel.tryReceive();
    verify(message, 0, message.length, size, i);
  }
}
