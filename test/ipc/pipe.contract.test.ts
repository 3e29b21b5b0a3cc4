// timeout: 180s
import { Channel } from "../../src/ipc/channel.ts";
import { startPeer } from "../support/peer-process.ts";
import { PEER } from "./contract/by-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract("pipe:", {
  small: { capacity: 4096 },
  useless: { type: 1 },
  makePair: (options) => Channel.pipe(options),
  async connectPeer(runtime, peerSide, options, steps) {
    const { channel, child } = await Channel.pipeForChild(peerSide, options);
    const peer = startPeer(runtime, PEER, [peerSide, "pipe:3", JSON.stringify(options), ...steps], child.fd);
    child.close();
    return { channel, peer };
  },
});
