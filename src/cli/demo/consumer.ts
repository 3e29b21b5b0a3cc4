import { Channel } from "../../ipc/channel.ts";
import { Arrival } from "./arrival.ts";
import type { Orders } from "./orders.ts";
import type { StartOrder } from "./protocol.ts";

/** Takes the file out of a channel, once for each order, and says how long it took. */
export async function runConsumer({ address, options }: StartOrder, orders: Orders): Promise<void> {
  const { bytes } = await orders.expect("open");
  const channel = await Channel.receiver(address, { ...options, codec: "bytes" });
  const arrival = new Arrival(bytes, orders);
  try {
    await orders.report({ report: "opened" });
    const receiveAll = channel.supports.zeroCopy ? receiveInPlace : receive;
    while ((await orders.next()).order === "pass") {
      arrival.reset();
      await orders.report({ report: "ready" });
      if ((await channel.receive()) === undefined) throw new Error("The producer closed before it sent anything");
      arrival.start();
      await receiveAll(channel, arrival);
      await orders.report(arrival.passed());
    }
    if ((await channel.receive()) !== undefined) throw new Error("More arrived than was sent");
  } finally {
    await channel.close();
  }
  await orders.report({ report: "ended" });
}

async function receive(channel: Channel, arrival: Arrival): Promise<void> {
  while (!arrival.complete) {
    const message = await channel.receive();
    if (message === undefined) return;
    arrival.add(message);
  }
}

/** Copies each message once, from the memory of the transport to its place. */
async function receiveInPlace(channel: Channel, arrival: Arrival): Promise<void> {
  while (!arrival.complete) {
    const message = channel.tryPeek() ?? (await channel.peek());
    if (message === undefined) return;
    arrival.add(message);
    channel.release();
  }
}
