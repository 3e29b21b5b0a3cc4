import { SeededMessages } from "./seeded-messages.ts";

/** Messages of all lengths that make a difference to a byte stream: tiny, about PIPE_BUF, about and past what one read brings. */
export function streamMessages(seed: number): SeededMessages {
  return new SeededMessages(seed, 150_000, 1);
}

/** One of several senders of the same stream. */
export interface Person {
  readonly number: number;
  readonly messages: number;
}

/** A message of 5 to 4092 bytes, so one that a pipe takes whole, with the sender's number as its last byte. */
export function personMessage({ number }: Person, index: number): Uint8Array {
  const message = new SeededMessages(number, 4092, 5).at(index);
  message[message.length - 1] = number;
  return message;
}
