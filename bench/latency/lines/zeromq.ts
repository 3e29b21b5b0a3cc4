/** The npm package `zeromq` over `ipc:`, a unix socket, between two `Pair` sockets. */
import { Pair } from "zeromq";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const socket = new Pair();
  socket.connect(`ipc://${target}`);
  const queue: Uint8Array[] = [];
  let isSending = false;
  // a socket takes one send at a time
  const drain = async () => {
    isSending = true;
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) await socket.send(message);
    isSending = false;
  };
  return {
    send(message) {
      queue.push(message);
      if (!isSending) void drain();
    },
    async listen(reply) {
      for await (const [message] of socket) reply(message as Uint8Array);
    },
    close() {},
  };
}

export async function echo({ target }: LatencyJob): Promise<void> {
  const socket = new Pair();
  await socket.bind(`ipc://${target}`);
  console.log("ready");
  const gone = (async () => {
    for await (const { type } of socket.events) if (type === "disconnect") break;
  })();
  void (async () => {
    for await (const [message] of socket) await socket.send(message as Uint8Array);
  })();
  await gone;
}
