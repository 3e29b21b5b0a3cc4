/** `sendMany` of arrays of messages, and `peekBatches()`. */
import type { Job } from "../job.ts";
import { MOST, receiveBatches } from "./channel-many.ts";

export { send } from "./channel-many.ts";

export function receive(job: Job): Promise<number> {
  return receiveBatches(job, (channel) => channel.peekBatches({ max: MOST }));
}
