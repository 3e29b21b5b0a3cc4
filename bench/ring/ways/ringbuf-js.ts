/** Framed messages through the npm package `ringbuf.js`, a ring in a `SharedArrayBuffer` between threads. Both sides spin. */
import { once } from "node:events";
import { Worker, workerData } from "node:worker_threads";
import { RingBuffer } from "ringbuf.js";
import { childJob } from "../child-job.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";

const CAPACITY = 1 << 20;
const LENGTH_BYTES = 4;

export async function receive(job: Job): Promise<number> {
  const { size, warmUp, count } = job;
  const storage = RingBuffer.getStorageForCapacity(CAPACITY, Uint8Array);
  const worker = new Worker(process.argv[1] as string, { argv: [childJob(job).json], workerData: storage });
  const exited = once(worker, "exit");
  await once(worker, "online");
  const ring = new RingBuffer(storage, Uint8Array);
  const message = new Uint8Array(size);
  receiveAll(ring, message, 0, warmUp);
  const start = now();
  receiveAll(ring, message, warmUp, count);
  const taken = now() - start;
  await exited;
  return taken;
}

export async function send({ size, warmUp, count }: Job): Promise<void> {
  const ring = new RingBuffer(workerData as SharedArrayBuffer, Uint8Array);
  const frame = new Uint8Array(LENGTH_BYTES + size);
  new DataView(frame.buffer).setUint32(0, size, true);
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(frame, LENGTH_BYTES, size, i);
    while (ring.availableWrite() < frame.length);
    ring.push(frame);
  }
}

function receiveAll(ring: RingBuffer, message: Uint8Array, before: number, count: number): void {
  const length = new Uint32Array(1);
  const lengthBytes = new Uint8Array(length.buffer);
  for (let i = before + 1; i <= before + count; i++) {
    while (ring.availableRead() < LENGTH_BYTES);
    ring.pop(lengthBytes);
    while (ring.availableRead() < (length[0] as number));
    ring.pop(message);
    verify(message, 0, length[0] as number, message.length, i);
  }
}
