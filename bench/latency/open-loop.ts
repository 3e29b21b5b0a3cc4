import { now, stamp, verify } from "../ring/numbered.ts";
import type { LatencyJob, Line } from "./job.ts";

/**
 * Sends each message when it is due, also when replies are late, and takes the time from when it was due. So what waits behind a slow reply
 * is counted with its waiting, which a closed loop leaves out. Between messages the loop goes round and never sleeps.
 *
 * @returns nanoseconds of each message behind the warm-up
 */
export async function openLoop(line: Line, job: LatencyJob): Promise<Uint32Array<ArrayBuffer>> {
  const { size, warmUp, count, rate } = job;
  const total = warmUp + count;
  const samples = new Uint32Array(count);
  const interval = 1e9 / rate;
  let sent = 0;
  let received = 0;
  let start = now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  line.listen((reply) => {
    if (received >= warmUp) samples[received - warmUp] = now() - (start + received * interval);
    try {
      verify(reply, 0, reply.length, size, ++received);
    } catch (error) {
      reject(error);
    }
    if (received === total) resolve();
  });
  const sendDue = () => {
    while (sent < total && now() >= start + sent * interval) {
      const message = new Uint8Array(size);
      stamp(message, 0, size, ++sent);
      line.send(message);
    }
  };
  start = now();
  if (line.poll !== undefined) {
    while (received < total) {
      sendDue();
      line.poll();
    }
  } else {
    const turn = () => {
      sendDue();
      if (sent < total) setImmediate(turn);
    };
    turn();
  }
  await promise;
  return samples;
}
