// timeout: 180s
import { Channel } from "../../src/ipc/channel.ts";
import type { ChannelOptions } from "../../src/ipc/options.ts";
import { startPeer } from "../support/peer-process.ts";
import { PEER } from "./contract/by-name.ts";
import type { ChannelFactory } from "./contract/factory.ts";
import { channelContract } from "./contract/mod.ts";

channelContract("pipe:", pipesWith({}));
channelContract("pipe: with raw framing", pipesWith({ framing: "raw" }));

function pipesWith(always: ChannelOptions): ChannelFactory {
  return {
    small: { capacity: 4096 },
    useless: { type: 1 },
    makePair: (options) => Channel.pipe(typeof options === "object" ? { ...always, ...options } : options),
    async connectPeer(runtime, peerSide, options, steps) {
      const all = { ...always, ...options };
      const { channel, child } = await Channel.pipeForChild(peerSide, all);
      const peer = startPeer(runtime, PEER, [peerSide, "pipe:3", JSON.stringify(all), ...steps], child.fd);
      child.close();
      return { channel, peer };
    },
  };
}
