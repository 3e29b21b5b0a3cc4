/** The npm package `zeromq` over `ipc:`, a unix socket, between two `Pair` sockets. */
import { Pair } from "zeromq";
import { Counting } from "../counting.ts";
import type { Job } from "../job.ts";
import { stamp } from "../numbered.ts";

export async function receive(job: Job): Promise<number> {
  const socket = new Pair();
  await socket.bind(`ipc://${job.target}`);
  console.log("ready");
  const counting = new Counting(job);
  for await (const [message] of socket) if (counting.take(message as Uint8Array)) break;
  await socket.send("done");
  // what was sent is lost when the process ends at once
  for await (const { type } of socket.events) if (type === "disconnect") break;
  return await counting.done;
}

export async function send({ target, size, warmUp, count }: Job): Promise<void> {
  const socket = new Pair();
  socket.connect(`ipc://${target}`);
  for (let i = 1; i <= warmUp + count; i++) {
    const message = new Uint8Array(size); // which is the socket's until it has sent it
    stamp(message, 0, size, i);
    await socket.send(message);
  }
  await socket.receive();
}
