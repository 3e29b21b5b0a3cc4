/** Sends every message of type 1 in the queue of this id back with type 2, until an empty one comes. */
import { SysvMessageQueue } from "../../../src/ipc/sysv-message-queue.ts";

using queue = SysvMessageQueue.fromId(Number(process.argv[2]));
for (;;) {
  const { data } = await queue.receive({ type: 1 });
  if (data.length === 0) break;
  await queue.send(2, data);
}
