/** The npm package `@nats-io/transport-node` and a NATS server on this machine, whose port is the target. */
import { connect } from "@nats-io/transport-node";
import { Counting } from "../counting.ts";
import { Credit, windowOf } from "../credit.ts";
import type { Job } from "../job.ts";
import { stamp } from "../numbered.ts";

export async function receive(job: Job): Promise<number> {
  const connection = await connect({ port: Number(job.target) });
  const counting = new Counting(job);
  // the server drops a subscriber that is far behind, so each half of a window is acknowledged
  const half = windowOf(job.size) / 2;
  const subscription = connection.subscribe("messages");
  await connection.flush();
  console.log("ready");
  for await (const { data } of subscription) {
    const isLast = counting.take(data);
    if (isLast || counting.received % half === 0) connection.publish("arrived", isLast ? "0" : String(half));
    if (isLast) break;
  }
  await connection.drain();
  return await counting.done;
}

export async function send({ target, size, warmUp, count }: Job): Promise<void> {
  const connection = await connect({ port: Number(target) });
  const credit = new Credit(windowOf(size));
  const done = new Promise<void>((resolve) => {
    connection.subscribe("arrived", {
      callback: (_error, reply) => {
        const messages = Number(reply.string());
        if (messages === 0) resolve();
        else credit.arrived(messages);
      },
    });
  });
  await connection.flush();
  for (let i = 1; i <= warmUp + count; i++) {
    const message = new Uint8Array(size);
    stamp(message, 0, size, i);
    connection.publish("messages", message);
    const full = credit.sent();
    if (full) await full;
  }
  await done;
  await connection.close();
}
