import type { Channel } from "../channel.ts";

/**
 * A web stream of a channel's messages. It reads one message for each that is asked for and none ahead, so back-pressure reaches the
 * sender. The stream owns the channel: it closes it at the end, at an error and when it is cancelled.
 */
export function readableOf<Value>(channel: Channel<Value>): ReadableStream<Value> {
  return new ReadableStream<Value>(
    {
      async pull(controller) {
        const value = await receiveOrEnd(channel);
        if (value !== undefined) return controller.enqueue(value);
        controller.close();
        await channel.close();
      },
      cancel: () => channel.close(),
    },
    { highWaterMark: 0 },
  );
}

async function receiveOrEnd<Value>(channel: Channel<Value>): Promise<Value | undefined> {
  try {
    return await channel.receive();
  } catch (error) {
    // whoever closed the channel has ended the stream; there is nothing wrong with it
    if (channel.closed) return undefined;
    await channel.close();
    throw error;
  }
}
