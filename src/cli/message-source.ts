import type { Channel } from "../ipc/channel.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { joinMessages } from "./join-messages.ts";

/** Messages put together, to be written at once. */
export interface Part {
  /** Valid until the next part is asked for. */
  readonly bytes: Uint8Array;
  readonly messages: number;
}

/** Waits for at least one message, and gives what is there, up to `max` messages; `undefined` at the end. */
export type MessageSource = (max: number) => Promise<Part | undefined>;

/** How many messages are put together at most, and from how many bytes on no more are added. */
const MOST_MESSAGES = 1024;
const ENOUGH_BYTES = 256 * 1024;
/** So many parts may come before the event loop has turned, in which a signal is seen. */
const PARTS_PER_TURN = 16;

/**
 * Receives from a channel.
 *
 * @param lines put a newline behind each message
 */
export function messageSource(channel: Channel, lines: boolean, wait: WaitOptions): MessageSource {
  return channel.supports.zeroCopy ? inPlaceSource(channel, lines, wait) : batchSource(channel, lines, wait);
}

function batchSource(channel: Channel, lines: boolean, wait: WaitOptions): MessageSource {
  return async (max) => {
    const batches = channel.batches({ ...wait, max: Math.min(max, MOST_MESSAGES) });
    const { value } = await batches.next();
    return value && { bytes: joinMessages(value, lines), messages: value.length };
  };
}

/** Copies the messages out of the transport's own memory, into memory that is used again and again: nothing is left to be collected. */
function inPlaceSource(channel: Channel, lines: boolean, wait: WaitOptions): MessageSource {
  const newline = lines ? 1 : 0;
  let buffer = new Uint8Array(ENOUGH_BYTES);
  let failure: { readonly error: unknown } | undefined;
  let parts = 0;

  function append(message: Uint8Array, length: number): number {
    const end = length + message.length + newline;
    if (end > buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * buffer.length));
      larger.set(buffer.subarray(0, length));
      buffer = larger;
    }
    buffer.set(message, length);
    if (lines) buffer[end - 1] = 10;
    channel.release();
    return end;
  }

  return async (max) => {
    if (failure !== undefined) throw failure.error;
    if (++parts % PARTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    let message = await channel.peek(wait);
    let [length, messages] = [0, 0];
    while (message !== undefined) {
      length = append(message, length);
      messages++;
      if (messages === max || length >= ENOUGH_BYTES) break;
      try {
        message = channel.tryPeek();
      } catch (error) {
        // what came before it is written first
        failure = { error };
        break;
      }
    }
    return messages === 0 ? undefined : { bytes: buffer.subarray(0, length), messages };
  };
}
