/** The ring's own `tryPush` and `popInto` of byte arrays, on a mapped segment. Both sides spin. */
import { RingConsumer, RingProducer } from "../../../src/ring/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";
import { openRing } from "./cursor.ts";

const nobodySleeps = { wake() {} };

export async function send({ target, size, warmUp, count, batchBytes }: Job): Promise<void> {
  const producer = new RingProducer(openRing(target), nobodySleeps, { batchBytes });
  const message = new Uint8Array(size);
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    while (!producer.tryPush(message));
  }
  producer.flush();
}

export async function receive({ target, size, warmUp, count, batchBytes }: Job): Promise<number> {
  const consumer = new RingConsumer(openRing(target), nobodySleeps, { releaseBytes: batchBytes });
  receiveAll(consumer, size, 0, warmUp);
  const start = now();
  receiveAll(consumer, size, warmUp, count);
  return now() - start;
}

function receiveAll(consumer: RingConsumer, size: number, before: number, count: number): void {
  const message = new Uint8Array(size);
  for (let i = before + 1; i <= before + count; i++) {
    let length = consumer.popInto(message);
    while (length === -1) length = consumer.popInto(message);
    verify(message, 0, length, size, i);
  }
}
