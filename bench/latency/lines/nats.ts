/** The npm package `@nats-io/transport-node` and a NATS server on this machine, whose port is the target. */
import { connect as connectTo } from "@nats-io/transport-node";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const connection = await connectTo({ port: Number(target) });
  return {
    send: (message) => connection.publish("there", message),
    listen: (reply) => void connection.subscribe("back", { callback: (_error, { data }) => reply(data) }),
    close() {
      connection.publish("end");
      return connection.drain();
    },
  };
}

export async function echo({ target }: LatencyJob): Promise<void> {
  const connection = await connectTo({ port: Number(target) });
  connection.subscribe("there", { callback: (_error, { data }) => connection.publish("back", data) });
  const end = connection.subscribe("end", { max: 1 });
  await connection.flush();
  console.log("ready");
  for await (const _ of end) break;
  await connection.close();
}
