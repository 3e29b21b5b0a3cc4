/** `Bun.spawn` with `ipc`. The receiver starts the sender. */
import { childJob } from "../child-job.ts";
import { Counting } from "../counting.ts";
import type { Job } from "../job.ts";

export { send } from "./node-ipc.ts";

export async function receive(job: Job): Promise<number> {
  const { command, args } = childJob(job);
  const counting = new Counting(job);
  const child = Bun.spawn([command, ...args], {
    ipc: (message) => {
      if (counting.take(message as Uint8Array)) child.send("done");
    },
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit"],
  });
  const taken = await counting.done;
  await child.exited;
  return taken;
}
