/** `sendSync()` and `receiveSync()`, which block the thread. */
import { Channel } from "../../../src/mod.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const there = await Channel.sender(target);
  const here = await Channel.receiver(`${target}-back`);
  return {
    send: (message) => there.sendSync(message),
    listen() {
      throw new Error("Nothing comes on the event loop while the thread blocks");
    },
    roundTrip(message) {
      there.sendSync(message);
      return here.receiveSync() as Uint8Array;
    },
    async close() {
      await there.close();
      await here.close();
    },
  };
}

export async function echo({ target, warmUp, count }: LatencyJob): Promise<void> {
  const here = await Channel.receiver(target);
  const there = await Channel.sender(`${target}-back`);
  for (let i = 0; i < warmUp + count; i++) there.sendSync(here.receiveSync() as Uint8Array);
  await there.close();
}
