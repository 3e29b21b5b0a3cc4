/** One end of a ring in a file, which works until it is killed: `file-end.ts sender ADDRESS JOURNAL SESSION` or `receiver ADDRESS JOURNAL`. */
import { Channel } from "../../../src/ipc/channel.ts";
import { FileJournal, numbered, numbersOf } from "./file-journal.ts";

const [side, address = "", path = "", session = "1"] = process.argv.slice(2);
const journal = new FileJournal(path);
if (side === "sender") {
  const sender = await Channel.sender(address, { capacity: 16_384 });
  console.log("ready");
  for (let index = 0; ; index++) {
    await sender.send(numbered(Number(session), index));
    journal.sent(index + 1);
  }
}
const receiver = await Channel.receiver(address, { capacity: 16_384 });
console.log("ready");
for (let count = 1; ; count++) {
  // the sender may die first
  const look = await receiver.peek().catch(() => undefined);
  if (look === undefined) await new Promise(() => setInterval(() => {}, 1000));
  const numbers = numbersOf((look as Uint8Array).slice());
  journal.looked(numbers.session, numbers.index, count);
  receiver.release();
}
