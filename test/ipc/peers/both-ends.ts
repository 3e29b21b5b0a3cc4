/**
 * `both-ends.ts ADDRESS ENDING`: holds both ends of a channel, with messages in it that nobody has received, and ends without closing them:
 * `end` by process.exit(), `throw`, or `stay`, which says `ready` and waits for a signal.
 */
import { writeSync } from "node:fs";
import { Channel } from "../../../src/ipc/channel.ts";

const [address = "", ending = ""] = process.argv.slice(2);
const sender = await Channel.sender(address);
const receiver = await Channel.receiver(address);
for (let i = 0; i < 3; i++) await sender.send(new Uint8Array([i]));
await receiver.receive();
if (ending === "end") process.exit();
if (ending === "throw") throw new Error("thrown on purpose");
writeSync(1, "ready\n");
setInterval(() => {}, 1000);
