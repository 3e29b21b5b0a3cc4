/** A third process of the tests of rings with other languages: `foreign-counterpart.ts VERB NAME COUNT SEED MOST` stays until it is killed. */
import { Channel } from "../../src/ipc/channel.ts";
import { SeededMessages } from "./seeded-messages.ts";

const [verb = "", name = "", count = "0", seed = "1", most = "0"] = process.argv.slice(2);
const messages = new SeededMessages(Number(seed), Number(most), 0);

if (verb === "send-and-stay") {
  const sender = await Channel.sender(`ring:${name}`);
  for (let index = 0; index < Number(count); index++) await sender.send(messages.at(index));
  console.log("sent");
} else {
  const receiver = await Channel.receiver(`ring:${name}`);
  console.log("open");
  for (let index = 0; index < Number(count); index++) {
    const message = await receiver.receive();
    if (message === undefined) throw new Error("The stream has ended");
    messages.verify(index, message);
  }
  console.log("received");
}
setInterval(() => {}, 1000);
