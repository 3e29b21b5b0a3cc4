import { now, stamp, verify } from "../ring/numbered.ts";
import type { LatencyJob, Line } from "./job.ts";

/** Sends the next message when the reply to the last has come. @returns nanoseconds of each round trip behind the warm-up */
export async function closedLoop(line: Line, { size, warmUp, count }: LatencyJob): Promise<Uint32Array<ArrayBuffer>> {
  const total = warmUp + count;
  const samples = new Uint32Array(count);
  const record = (i: number, start: number) => {
    if (i > warmUp) samples[i - warmUp - 1] = now() - start;
  };
  const messageOf = (number: number) => {
    const message = new Uint8Array(size);
    stamp(message, 0, size, number);
    return message;
  };
  if (line.roundTrip !== undefined) {
    for (let i = 1; i <= total; i++) {
      const message = messageOf(i);
      const start = now();
      const reply = line.roundTrip(message);
      record(i, start);
      verify(reply, 0, reply.length, size, i);
    }
    return samples;
  }
  return await new Promise((resolve, reject) => {
    let i = 0;
    let start = 0;
    const next = () => {
      const message = messageOf(++i);
      start = now();
      line.send(message);
    };
    line.listen((reply) => {
      record(i, start);
      try {
        verify(reply, 0, reply.length, size, i);
      } catch (error) {
        return reject(error);
      }
      if (i < total) next();
      else resolve(samples);
    });
    next();
  });
}
