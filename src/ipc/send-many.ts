import { TimeLimit } from "../wait/time-limit.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { checkWaitOptions } from "../wait/wait-options.ts";
import { DEFAULT_BATCH_MESSAGES } from "./recommended.ts";
import type { Sending } from "./sending.ts";

/** An async iterable has so many microtasks to come up with its next value before the batch so far is published. */
const MICROTASKS_TO_WAIT = 4;

/**
 * Sends every value, in batches: the link may collect what comes between `cork` and `uncork`, and every wait comes after an `uncork`.
 *
 * @returns how many were sent
 */
export async function sendMany(
  sending: Sending,
  address: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
  options: WaitOptions = {},
): Promise<number> {
  checkWaitOptions(options);
  const kind = kindOf(values);
  sending.checkOpen("sendMany()", options);
  const limit = new TimeLimit(`sendMany() on ${address}`, options);
  try {
    return await (kind === "async"
      ? sendEachAsync(sending, values as AsyncIterable<unknown>, limit)
      : sendEach(sending, values as Iterable<unknown>, limit));
  } catch (error) {
    throw limit.explain(error);
  } finally {
    sending.publishInBackground();
  }
}

async function sendEach(sending: Sending, values: Iterable<unknown>, limit: TimeLimit): Promise<number> {
  let count = 0;
  for (const value of values) {
    const waits = sendOne(sending, value, limit);
    if (waits !== undefined) await waits;
    if (++count % DEFAULT_BATCH_MESSAGES === 0) await endBatch(sending, limit);
  }
  await sending.publish("sendMany()", limit.left());
  return count;
}

/** Values that come without a wait between them make one batch. */
async function sendEachAsync(sending: Sending, values: AsyncIterable<unknown>, limit: TimeLimit): Promise<number> {
  const iterator = values[Symbol.asyncIterator]();
  let count = 0;
  let busy = false;
  try {
    for (;;) {
      busy = true;
      const next = iterator.next();
      if (!(await settlesSoon(next))) await sending.publish("sendMany()", limit.left());
      const { done, value } = await limit.race(next);
      busy = false;
      if (done) break;
      const waits = sendOne(sending, value, limit);
      if (waits !== undefined) await waits;
      if (++count % DEFAULT_BATCH_MESSAGES === 0) await endBatch(sending, limit);
    }
  } catch (error) {
    const returned = endIteration(iterator);
    // an iterator that is busy with its next value ends after that, whenever that is
    if (!busy) await returned;
    throw error;
  }
  await sending.publish("sendMany()", limit.left());
  return count;
}

/** Lets the source clean up. Its own error would hide the one that ended the call. */
async function endIteration(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {}
}

function sendOne(sending: Sending, value: unknown, limit: TimeLimit): Promise<void> | undefined {
  limit.throwIfAborted();
  const message = sending.encode("sendMany()", value);
  if (sending.turns.idle) sending.cork();
  return sending.offer("sendMany()", message, limit.left());
}

/** Publishes, and lets the event loop turn, so that timers and signals get their turn in a long send that never waits. */
async function endBatch(sending: Sending, limit: TimeLimit): Promise<void> {
  await sending.publish("sendMany()", limit.left());
  await new Promise((resolve) => setImmediate(resolve));
  limit.throwIfOver();
}

async function settlesSoon(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  for (let microtask = 0; microtask < MICROTASKS_TO_WAIT && !settled; microtask++) await undefined;
  return settled;
}

function kindOf(values: unknown): "sync" | "async" {
  if (typeof values === "object" && values !== null) {
    if (Symbol.asyncIterator in values) return "async";
    if (Symbol.iterator in values && !ArrayBuffer.isView(values)) return "sync";
  }
  throw new TypeError(
    "sendMany() takes an iterable of messages, such as an array or a generator. For one message call send()",
  );
}
