/** `trySend()` and `tryReceive()` in loops that spin. */
import { Channel } from "../../../src/mod.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect({ target }: LatencyJob): Promise<Line> {
  const there = await Channel.sender(target);
  const here = await Channel.receiver(`${target}-back`);
  let listener: (message: Uint8Array) => void = () => {};
  return {
    send: (message) => sendSpinning(there, message),
    listen(reply) {
      listener = reply;
    },
    poll() {
      for (let message = here.tryReceive(); message !== undefined; message = here.tryReceive()) listener(message);
    },
    roundTrip(message) {
      sendSpinning(there, message);
      return receiveSpinning(here);
    },
    async close() {
      await there.close();
      await here.close();
    },
  };
}

export async function echo({ target, warmUp, count }: LatencyJob): Promise<void> {
  const here = await Channel.receiver(target);
  const there = await Channel.sender(`${target}-back`);
  for (let i = 0; i < warmUp + count; i++) sendSpinning(there, receiveSpinning(here));
  await there.close();
}

function sendSpinning(channel: Channel, message: Uint8Array): void {
  while (!channel.trySend(message));
}

function receiveSpinning(channel: Channel): Uint8Array {
  let message = channel.tryReceive();
  while (message === undefined) message = channel.tryReceive();
  return message;
}
