/**
 * The other process of the tests of funnels: `funnel-peer.ts VERB ADDRESS [SEED] [COUNT]`. It says on standard output how far it is, and stays
 * until it is killed.
 */
import { Channel } from "../../../src/ipc/channel.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";

const [verb = "", address = "", seed = "1", count = "0"] = process.argv.slice(2);

const VERBS: Record<string, () => Promise<void>> = {
  /** Sends a message, and claims room for another one. */
  async claim() {
    const sender = await Channel.sender(address);
    await sender.send(new Uint8Array([1]));
    (await sender.claim(300)).fill(0xee);
  },

  /** Looks at the first message, and does not release it. */
  async peek() {
    const receiver = await Channel.receiver(address);
    await receiver.receive();
    await receiver.peek();
  },

  /** Sends COUNT messages of SEED in all the ways that there are, closes, and ends. */
  async stream() {
    const sender = await Channel.sender(address);
    const messages = new SeededMessages(Number(seed), 2000, 16);
    for (let i = 0; i < Number(count); i++) {
      const message = messages.at(i);
      const way = (i >> 6) & 3;
      if (way === 0) await sender.send(message);
      else if (way === 1) sender.sendSync(message);
      else if (way === 2) await sender.sendMany([message]);
      else {
        sender.claimSync(message.length + (i % 300)).set(message);
        sender.commit(message.length);
      }
    }
    await sender.close();
    process.exit(0);
  },

  /** Fills the funnel, and waits for room. */
  async fill() {
    const sender = await Channel.sender(address);
    while (sender.trySend(new Uint8Array(500)));
    void sender.send(new Uint8Array(500));
  },
};

await VERBS[verb]?.();
console.log("there");
setInterval(() => {}, 2 ** 30);
