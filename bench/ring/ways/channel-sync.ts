/** The round trip with calls that block the thread. */
import { Channel } from "../../../src/mod.ts";
import type { Job } from "../job.ts";
import { now, stamp, verify } from "../numbered.ts";

export async function ping({ target, back, size, warmUp, count }: Job): Promise<number> {
  const there = await Channel.sender(target);
  const here = await Channel.receiver(back);
  const message = new Uint8Array(size);
  let start = now();
  for (let i = 1; i <= warmUp + count; i++) {
    stamp(message, 0, size, i);
    there.sendSync(message);
    const reply = here.receiveSync() as Uint8Array;
    verify(reply, 0, reply.length, size, i);
    if (i === warmUp) start = now();
  }
  const taken = now() - start;
  await there.close();
  await here.close();
  return taken;
}

export async function pong({ target, back, warmUp, count }: Job): Promise<void> {
  const there = await Channel.sender(back);
  const here = await Channel.receiver(target);
  for (let i = 0; i < warmUp + count; i++) there.sendSync(here.receiveSync() as Uint8Array);
  await there.close();
  await here.close();
}
