/** Sends every message that comes in its first queue back by its second, with the priority raised by 1, until an empty one comes. */
import { PosixMessageQueue } from "../../../src/ipc/posix-message-queue.ts";

using requests = PosixMessageQueue.open(process.argv[2] as string, { mode: "read" });
using answers = PosixMessageQueue.open(process.argv[3] as string, { mode: "write" });
for (;;) {
  const { data, priority } = await requests.receive();
  if (data.length === 0) break;
  await answers.send(data, { priority: priority + 1 });
}
