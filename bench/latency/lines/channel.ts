/** `await send()` and `for await` of millrace, over the address in `target`. */
import { openPair } from "../channel-pair.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { out, inn, close } = await openPair(job);
  return {
    send: (message) => out.send(message),
    async listen(reply) {
      for await (const message of inn) reply(message);
    },
    close,
  };
}

export async function echo(job: LatencyJob): Promise<void> {
  const { out, inn, close } = await openPair(job);
  for await (const message of inn) await out.send(message);
  await close();
}
