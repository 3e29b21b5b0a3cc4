/** `await send()` and `for await` of millrace, over the address in `target`. */
import { Channel } from "../../../src/mod.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const there = await Channel.sender(target);
  const here = await Channel.receiver(`${target}-back`);
  return {
    send: (message) => there.send(message),
    async listen(reply) {
      for await (const message of here) reply(message);
    },
    async close() {
      await there.close();
      await here.close();
    },
  };
}

export async function echo({ target }: LatencyJob): Promise<void> {
  const here = await Channel.receiver(target);
  const there = await Channel.sender(`${target}-back`);
  for await (const message of here) await there.send(message);
  await there.close();
}
