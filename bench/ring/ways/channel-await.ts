/** `await send()` and `for await`; the round trip with `await receive()`. */
import { Channel } from "../../../src/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";
import { CAPACITY } from "./channel-try.ts";

export async function send({ target, size, warmUp, count, capacity = CAPACITY }: Job): Promise<void> {
  const channel = await Channel.sender(target, { capacity });
  const message = new Uint8Array(size);
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    await channel.send(message);
  }
  await channel.close();
}

export async function receive({ target, size, warmUp, count, capacity = CAPACITY }: Job): Promise<number> {
  const channel = await Channel.receiver(target, { capacity });
  let received = 0;
  let start = now();
  for await (const message of channel) {
    verify(message, 0, message.length, size, ++received);
    if (received === warmUp) start = now();
    if (received === warmUp + count) break;
  }
  const taken = now() - start;
  await channel.close();
  return taken;
}

export async function ping({ target, back, size, warmUp, count }: Job): Promise<number> {
  const there = await Channel.sender(target);
  const here = await Channel.receiver(back);
  const message = new Uint8Array(size);
  let start = now();
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    await there.send(message);
    const reply = (await here.receive()) as Uint8Array;
    verify(reply, 0, reply.length, size, i);
    if (i === warmUp) start = now();
  }
  const taken = now() - start;
  await there.close();
  await here.close();
  return taken;
}

export async function pong({ target, back }: Job): Promise<void> {
  const there = await Channel.sender(back);
  const here = await Channel.receiver(target);
  for await (const message of here) await there.send(message);
  await there.close();
}
