import type { Channel } from "../../src/ipc/channel.ts";
import { SeededMessages } from "./seeded-messages.ts";

/** Messages of all lengths that make a difference to a byte stream: tiny, about PIPE_BUF, about and past what one read brings. */
export function streamMessages(seed: number): SeededMessages {
  return new SeededMessages(seed, 150_000, 1);
}

/** One of several senders of the same stream. Its messages have 5 to 4092 bytes, so a pipe takes them whole, and end with its number. */
export class Person {
  readonly number: number;
  readonly messages: number;
  readonly #seeded: SeededMessages;

  constructor(number: number, messages: number) {
    this.number = number;
    this.messages = messages;
    this.#seeded = new SeededMessages(number, 4092, 5);
  }

  at(index: number): Uint8Array {
    const message = this.#seeded.at(index);
    message[message.length - 1] = this.number;
    return message;
  }
}

/** Receives to the end what several senders send at the same time: from each in its order, complete and unmixed. */
export async function receiveFrom(people: readonly Person[], receiver: Channel): Promise<void> {
  const next = new Map(people.map((person) => [person.number, { person, index: 0 }]));
  for await (const message of receiver) {
    const state = next.get(message.at(-1) as number);
    if (state === undefined) throw new Error(`A message ends with ${message.at(-1)}, which is nobody's number`);
    const { person, index } = state;
    if (Buffer.compare(message, person.at(index)) !== 0)
      throw new Error(`Message ${index} of ${person.number} is not what was sent`);
    state.index++;
  }
  for (const { person, index } of next.values()) {
    if (index !== person.messages) throw new Error(`Of ${person.messages} messages of ${person.number} came ${index}`);
  }
}
