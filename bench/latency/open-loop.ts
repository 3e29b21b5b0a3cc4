import { now, stamp, verify } from "../ring/numbered.ts";
import { closedLoop } from "./closed-loop.ts";
import type { LatencyJob, Line } from "./job.ts";

/** The share of the messages at their rate that do not count, since the loop itself has to warm up. */
const LEAD = 0.1;

/**
 * Sends each message when it is due, also when replies are late, and takes the time from when it was due. So what waits behind a slow reply
 * is counted with its waiting, which a closed loop leaves out. Between messages the loop goes round and never sleeps. The warm-up is for
 * the most part a closed loop, so that no queue of messages is left from when everything was slow.
 *
 * @returns nanoseconds of each message behind the warm-up
 */
export async function openLoop(given: Line, job: LatencyJob): Promise<Uint32Array<ArrayBuffer>> {
  const { size, count, rate } = job;
  const line = relistening(given);
  const lead = Math.min(job.warmUp, Math.ceil(LEAD * count));
  const total = lead + count;
  const samples = new Uint32Array(count);
  const interval = 1e9 / rate;
  let sent = 0;
  let received = 0;
  let start = now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (job.warmUp > lead) await closedLoop(line, { ...job, warmUp: 0, count: job.warmUp - lead });
  line.listen((reply) => {
    if (received >= lead) samples[received - lead] = now() - (start + received * interval);
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

/** A line whose listener can be exchanged. */
function relistening(line: Line): Line {
  let listener: ((message: Uint8Array) => void) | undefined;
  return {
    ...line,
    listen(reply) {
      const isFirst = listener === undefined;
      listener = reply;
      if (isFirst) line.listen((message) => listener?.(message));
    },
  };
}
