import type { Channel, Outgoing } from "../channel.ts";

/**
 * A web stream into a channel. A write ends when the channel has taken the message, so back-pressure comes from the receiver. The
 * stream owns the channel: closing it closes the channel, and aborting it abandons the channel, so that nobody takes a part for the whole.
 */
export function writableOf<Value>(channel: Channel<Value>): WritableStream<Outgoing<Value>> {
  return new WritableStream<Outgoing<Value>>({
    async write(message, controller) {
      try {
        const { signal } = controller as { signal?: AbortSignal };
        await channel.send(message, signal && { signal });
      } catch (error) {
        await closeNow(channel);
        throw error;
      }
    },
    close: () => channel.close(),
    abort: () => channel.abandon(),
  });
}

/** Closes without waiting for what is not handed over yet; the error that led here says more than the one of that close. */
async function closeNow<Value>(channel: Channel<Value>): Promise<void> {
  try {
    await channel.close({ timeout: 0 });
  } catch {}
}
