/** Standard input and output of a child of `Bun.spawn`. */
import { echoJob } from "../echo-job.ts";
import { FrameReader, frameOf } from "../frames.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { command, args } = echoJob(job);
  const child = Bun.spawn([command, ...args], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  return {
    send(message) {
      child.stdin.write(frameOf(message));
      child.stdin.flush();
    },
    async listen(reply) {
      const reader = new FrameReader();
      for await (const chunk of child.stdout) reader.add(chunk, reply);
    },
    async close() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

export async function echo(): Promise<void> {
  const reader = new FrameReader();
  const sink = Bun.stdout.writer();
  for await (const chunk of Bun.stdin.stream()) {
    reader.add(chunk, (message) => void sink.write(frameOf(message)));
    await sink.flush();
  }
}
