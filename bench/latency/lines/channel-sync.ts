/** `sendSync()` and `receiveSync()`, which block the thread. */
import { openPair } from "../channel-pair.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { out, inn, close } = await openPair(job);
  return {
    send: (message) => out.sendSync(message),
    listen() {
      throw new Error("Nothing comes on the event loop while the thread blocks");
    },
    roundTrip(message) {
      out.sendSync(message);
      return inn.receiveSync() as Uint8Array;
    },
    close,
  };
}

export async function echo(job: LatencyJob): Promise<void> {
  const { out, inn, close } = await openPair(job);
  for (let i = 0; i < job.warmUp + job.count; i++) out.sendSync(inn.receiveSync() as Uint8Array);
  await close();
}
