/** Standard input and output of a child of `node:child_process`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { echoJob } from "../echo-job.ts";
import { FrameReader, frameOf } from "../frames.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { command, args } = echoJob(job);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const reader = new FrameReader();
  return {
    send: (message) => child.stdin.write(frameOf(message)),
    listen: (reply) => void child.stdout.on("data", (chunk: Uint8Array) => reader.add(chunk, reply)),
    async close() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

export async function echo(): Promise<void> {
  const reader = new FrameReader();
  for await (const chunk of process.stdin) {
    reader.add(chunk, (message) => void process.stdout.write(frameOf(message)));
  }
}
