/** Framed messages over a unix socket of `node:net`. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { Counting } from "../counting.ts";
import { FrameCheck, FrameSource } from "../framed.ts";
import type { Job } from "../job.ts";
import { writeAll } from "../write-all.ts";

export async function receive(job: Job): Promise<number> {
  const check = new FrameCheck(job.size);
  const counting = new Counting(job);
  const server = createServer((socket) => {
    socket.on("data", (chunk) => {
      check.add(chunk as Uint8Array);
      if (counting.reached(check.received)) socket.end();
    });
  });
  server.listen(job.target, () => console.log("ready"));
  const taken = await counting.done;
  server.close();
  return taken;
}

export async function send({ target, size, warmUp, count }: Job): Promise<void> {
  const socket = connect(target);
  const ended = once(socket.resume(), "end");
  await writeAll(socket, new FrameSource(size, warmUp + count));
  await ended;
}
