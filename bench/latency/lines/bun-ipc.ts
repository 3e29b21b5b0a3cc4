/** `Bun.spawn` with `ipc`. */
import { echoJob } from "../echo-job.ts";
import type { LatencyJob, Line } from "../job.ts";

export { echo } from "./node-ipc.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { command, args } = echoJob(job);
  let listener: (message: Uint8Array) => void = () => {};
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const child = Bun.spawn([command, ...args], {
    ipc: (message) => {
      if (message === "ready") begin();
      else listener(message as Uint8Array);
    },
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit"],
  });
  await begun;
  return {
    send: (message) => child.send(message),
    listen(reply) {
      listener = reply;
    },
    async close() {
      child.disconnect();
      await child.exited;
    },
  };
}
