import { Channel } from "../../src/ipc/channel.ts";
import { uniqueName } from "../support/unique-name.ts";
import { channelContract } from "./contract/mod.ts";

channelContract("memory:", {
  small: { capacity: 4096 },
  useless: { framing: "length" },
  uniqueAddress: () => `memory:${uniqueName()}`,
  async makePair(options) {
    const address = this.uniqueAddress?.() ?? "";
    return { receiver: await Channel.receiver(address, options), sender: await Channel.sender(address, options) };
  },
});
