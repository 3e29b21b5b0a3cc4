/** `tryClaim` and `tryPeek`: the message is written into the ring once and read where it lies. Waits with `claim()` and `peek()`. */
import { Channel } from "../../../src/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";
import { CAPACITY } from "./channel-try.ts";

export async function send({ target, size, warmUp, count }: Job): Promise<void> {
  const channel = await Channel.sender(target, { capacity: CAPACITY });
  const message = new Uint8Array(size);
  for (let i = 1; i <= warmUp + count; i++) {
    const room = channel.tryClaim(size) ?? (await channel.claim(size));
    stamp(message, 0, size, i);
    room.set(message);
    channel.commit();
  }
  await channel.close();
}

export async function receive({ target, size, warmUp, count }: Job): Promise<number> {
  const channel = await Channel.receiver(target, { capacity: CAPACITY });
  let start = now();
  for (let i = 1; i <= warmUp + count; i++) {
    const message = channel.tryPeek() ?? (await channel.peek());
    if (message == null) throw new Error(`The stream ended before message ${i}`);
    verify(message, 0, message.length, size, i);
    channel.release();
    if (i === warmUp) start = now();
  }
  const taken = now() - start;
  await channel.close();
  return taken;
}
