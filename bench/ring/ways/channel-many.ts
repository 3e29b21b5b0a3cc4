/** `sendMany` of arrays of messages, and `batches()`. */
import { Channel } from "../../../src/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";
import { CAPACITY } from "./channel-try.ts";

/** Messages that are handed over in one call, at most. */
export const MOST = 256;
/** And their bytes: what does not fit in the cache of a processor is not slow because of the channel. */
const MOST_BYTES = 1 << 18;

export async function send({ target, size, warmUp, count, capacity = CAPACITY }: Job): Promise<void> {
  const channel = await Channel.sender(target, { capacity });
  const total = warmUp + count;
  const most = Math.min(MOST, Math.ceil(MOST_BYTES / size), total);
  const many = Array.from({ length: most }, () => new Uint8Array(size));
  for (let sent = 0; sent < total; ) {
    const batch = total - sent < many.length ? many.slice(0, total - sent) : many;
    for (const message of batch) stamp(message, 0, size, ++sent);
    await channel.sendMany(batch);
  }
  await channel.close();
}

export async function receive(job: Job): Promise<number> {
  return receiveBatches(job, (channel) => channel.batches({ max: MOST }));
}

/** @param batchesOf how the channel gives its messages */
export async function receiveBatches(
  { target, size, warmUp, count, capacity = CAPACITY }: Job,
  batchesOf: (channel: Channel) => AsyncIterable<Uint8Array[]>,
): Promise<number> {
  const channel = await Channel.receiver(target, { capacity });
  let received = 0;
  let start = now();
  for await (const batch of batchesOf(channel)) {
    for (const message of batch) {
      verify(message, 0, message.length, size, ++received);
      if (received === warmUp) start = now();
    }
    if (received === warmUp + count) break;
  }
  const taken = now() - start;
  await channel.close();
  return taken;
}
