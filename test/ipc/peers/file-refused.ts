/**
 * What a file system cannot do, as far as a filter of system calls can stand for it: `file-refused.ts WHAT FOLDER PROGRAM` prints what came of it, a
 * line for each call, and ends itself. PROGRAM is `system-calls`.
 */
import { writeSync } from "node:fs";
import { EINVAL, EIO, EPERM } from "../../../src/ffi/abi/errno.ts";
import { Channel } from "../../../src/ipc/channel.ts";
import { refuse, systemCallNumbers } from "../../support/refuse-system-call.ts";

const [what, folder = "", program = ""] = process.argv.slice(2);
const address = `file:${folder}/${what}`;
const numbers = systemCallNumbers(program, ["renameat2", "mknod", "mknodat", "msync"]);

function refuseAll(errno: number, ...names: string[]): void {
  for (const name of names) refuse(numbers.get(name) as number, errno);
}

async function outcome(attempt: () => unknown): Promise<void> {
  let said = "done";
  try {
    await attempt();
  } catch (error) {
    said = `${(error as { code?: string }).code} ${(error as Error).message}`;
  }
  writeSync(1, `${said}\n`);
}

if (what === "exchange") {
  const receiver = await Channel.receiver(address, { codec: "text", capacity: 4096 });
  refuseAll(EINVAL, "renameat2");
  await outcome(() => Channel.sender(address, { capacity: 65_536 }));
  // the receiver's ring is what it was
  const sender = await Channel.sender(address, { codec: "text" });
  await sender.send("a");
  await outcome(async () => {
    if ((await receiver.receive()) !== "a") throw new Error("nothing came");
  });
} else if (what === "fifo") {
  refuseAll(EPERM, "mknod", "mknodat");
  await outcome(() => Channel.sender(address));
} else {
  const sender = await Channel.sender(address, { durable: "each", capacity: 4096 });
  const receiver = await Channel.receiver(address);
  await sender.send(new Uint8Array(1));
  refuseAll(EIO, "msync");
  await outcome(() => sender.send(new Uint8Array(2)));
  await outcome(() => {
    const [first, second] = [receiver.tryReceive(), receiver.tryReceive()];
    if (first?.length !== 1 || second !== undefined) throw new Error(`${first?.length} and ${second?.length} came`);
  });
}
process.kill(process.pid, "SIGKILL");
