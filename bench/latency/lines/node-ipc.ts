/** `child_process.fork` with `serialization: "advanced"`. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { echoJob } from "../echo-job.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const child = fork(process.argv[1] as string, [echoJob(job).json], { serialization: "advanced" });
  await once(child, "message");
  return {
    send: (message) => child.send(message as never),
    listen: (reply) => void child.on("message", (message) => reply(message as unknown as Uint8Array)),
    async close() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

export async function echo(): Promise<void> {
  process.on("message", (message) => process.send?.(message));
  process.send?.("ready");
  await once(process, "disconnect");
}
