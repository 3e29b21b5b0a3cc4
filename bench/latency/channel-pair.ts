import { Channel } from "../../src/mod.ts";
import type { LatencyJob } from "./job.ts";

/** A channel to the other process and one from it. */
export interface ChannelPair {
  readonly out: Channel;
  readonly inn: Channel;
  close(): Promise<void>;
}

/** Opens the channels of a job at the end that pings, or that echoes. */
export async function openPair({ role, target }: LatencyJob): Promise<ChannelPair> {
  const [there, back] = [target, `${target}-back`];
  // both ends open the same channel first, since some wait for their peer
  const opened =
    role === "ping"
      ? { out: await Channel.sender(there), inn: await Channel.receiver(back) }
      : { inn: await Channel.receiver(there), out: await Channel.sender(back) };
  return {
    ...opened,
    async close() {
      await opened.out.close();
      await opened.inn.close();
    },
  };
}
