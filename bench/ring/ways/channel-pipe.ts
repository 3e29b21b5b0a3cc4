/** `Channel.pipeForChild()`: a pipe to a child process, `send` and `for await`. The receiver starts the sender. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Channel } from "../../../src/mod.ts";
import { childJob } from "../child-job.ts";
import { Counting } from "../counting.ts";
import type { Job } from "../job.ts";
import { send as sendTo } from "./channel-await.ts";
import { CAPACITY } from "./channel-try.ts";

export async function receive(job: Job): Promise<number> {
  const { channel, child } = await Channel.pipeForChild("sender", { capacity: CAPACITY });
  const { command, args } = childJob({ ...job, target: "pipe:3" });
  const sender = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", child.fd] });
  const exited = once(sender, "exit");
  child.close();
  const counting = new Counting(job);
  for await (const message of channel) if (counting.take(message)) break;
  await channel.close();
  await exited;
  return await counting.done;
}

export async function send(job: Job): Promise<void> {
  await sendTo(job);
}
