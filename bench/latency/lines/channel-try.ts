/** `trySend()` and `tryReceive()` in loops that spin. */
import type { Channel } from "../../../src/mod.ts";
import { openPair } from "../channel-pair.ts";
import type { LatencyJob, Line } from "../job.ts";

export async function connect(job: LatencyJob): Promise<Line> {
  const { out, inn, close } = await openPair(job);
  let listener: (message: Uint8Array) => void = () => {};
  return {
    send: (message) => sendSpinning(out, message),
    listen(reply) {
      listener = reply;
    },
    poll() {
      for (let message = inn.tryReceive(); message !== undefined; message = inn.tryReceive()) listener(message);
    },
    roundTrip(message) {
      sendSpinning(out, message);
      return receiveSpinning(inn);
    },
    close,
  };
}

export async function echo(job: LatencyJob): Promise<void> {
  const { out, inn, close } = await openPair(job);
  for (let i = 0; i < job.warmUp + job.count; i++) sendSpinning(out, receiveSpinning(inn));
  await close();
}

function sendSpinning(channel: Channel, message: Uint8Array): void {
  while (!channel.trySend(message));
}

function receiveSpinning(channel: Channel): Uint8Array {
  let message = channel.tryReceive();
  while (message === undefined) message = channel.tryReceive();
  return message;
}
