/** Two rings of the npm package `ringbuf.js` to a worker thread and back. Both sides spin. */
import { once } from "node:events";
import { Worker, workerData } from "node:worker_threads";
import { RingBuffer } from "ringbuf.js";
import { echoJob } from "../echo-job.ts";
import { frameOf } from "../frames.ts";
import type { LatencyJob, Line } from "../job.ts";

const CAPACITY = 1 << 20;
const LENGTH_BYTES = 4;

export async function connect(job: LatencyJob): Promise<Line> {
  const [there, back] = [newStorage(), newStorage()];
  const worker = new Worker(process.argv[1] as string, { argv: [echoJob(job).json], workerData: [there, back] });
  await once(worker, "online");
  const out = new RingBuffer(there, Uint8Array);
  const inn = new RingBuffer(back, Uint8Array);
  let listener: (message: Uint8Array) => void = () => {};
  return {
    send: (message) => push(out, message),
    listen(reply) {
      listener = reply;
    },
    poll() {
      while (inn.availableRead() > 0) listener(pop(inn));
    },
    roundTrip(message) {
      push(out, message);
      return pop(inn);
    },
    close: () => worker.terminate(),
  };
}

export async function echo({ warmUp, count }: LatencyJob): Promise<void> {
  const [there, back] = workerData as [SharedArrayBuffer, SharedArrayBuffer];
  const inn = new RingBuffer(there, Uint8Array);
  const out = new RingBuffer(back, Uint8Array);
  for (let i = 0; i < warmUp + count; i++) push(out, pop(inn));
}

function newStorage(): SharedArrayBuffer {
  return RingBuffer.getStorageForCapacity(CAPACITY, Uint8Array);
}

function push(ring: RingBuffer, message: Uint8Array): void {
  while (ring.availableWrite() < LENGTH_BYTES + message.length);
  ring.push(frameOf(message));
}

function pop(ring: RingBuffer): Uint8Array {
  const length = new Uint32Array(1);
  while (ring.availableRead() < LENGTH_BYTES);
  ring.pop(new Uint8Array(length.buffer));
  const message = new Uint8Array(length[0] as number);
  while (ring.availableRead() < message.length);
  ring.pop(message);
  return message;
}
