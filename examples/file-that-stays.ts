/**
 * A ring in a file. A sender leaves its work there and is killed; a receiver takes some of it and is gone; the next one goes on, and in the end
 * everything is received once more.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel, type IpcError } from "millrace";

if (process.argv[2] !== undefined) {
  // the other process
  const sender = await Channel.sender(process.argv[2], { codec: "text" });
  for (let job = 1; job <= 5; job++) await sender.send(`job ${job}`);
  process.send?.("sent");
  await new Promise((resolve) => setTimeout(resolve, 1 << 30));
}

const folder = mkdtempSync(join(tmpdir(), "file-that-stays-"));
const address = `file:${join(folder, "jobs")}`;
const child = fork(import.meta.filename, [address]);
await once(child, "message");
child.kill("SIGKILL");
await once(child, "close");

{
  await using receiver = await Channel.receiver(address, { codec: "text" });
  console.log("first:", await receiver.receive(), "and", await receiver.receive());
}
{
  await using receiver = await Channel.receiver(address, { codec: "text" });
  try {
    for await (const job of receiver) console.log("next:", job);
  } catch (error) {
    // the sender did not close; all that it had sent is here
    console.log((error as IpcError).code);
  }
}
const again: string[] = [];
{
  await using receiver = await Channel.receiver(address, { codec: "text", from: "oldest" });
  for (let job = receiver.tryReceive(); job !== undefined; job = receiver.tryReceive()) again.push(job);
}
console.log("again:", again.length);
console.log("removed:", await Channel.remove(address));
rmSync(folder, { recursive: true });
// Output:
// first: job 1 and job 2
// next: job 3
// next: job 4
// next: job 5
// IPC_PEER_GONE
// again: 5
// removed: true
