import { allocateRing, RingConsumer, RingProducer } from "../../src/ring/mod.ts";
import { stamp, verify } from "../ring/numbered.ts";
import type { Task } from "./task.ts";

const CAPACITY = 1 << 20;
const MESSAGES = 1000;
const SIZE = 64;

/** One message into a ring and out again, in one thread: the instructions of both ends, without another processor. */
export function ringCalls(): Task[] {
  return [
    {
      job: "tryPush and tryPop, 64 B",
      times: MESSAGES,
      run: burst((producer, consumer, message, number) => {
        stamp(message, 0, SIZE, number);
        if (!producer.tryPush(message)) throw new Error("The ring is full");
        const popped = consumer.tryPop() as Uint8Array;
        verify(popped, 0, popped.length, SIZE, number);
      }),
    },
    {
      job: "tryPush and popInto, 64 B",
      times: MESSAGES,
      run: burst((producer, consumer, message, number) => {
        stamp(message, 0, SIZE, number);
        if (!producer.tryPush(message)) throw new Error("The ring is full");
        verify(message, 0, consumer.popInto(message), SIZE, number);
      }),
    },
    {
      job: "claim, commit, peek and release, 64 B",
      times: MESSAGES,
      run: burst((producer, consumer, _message, number) => {
        const at = producer.tryClaim(SIZE);
        if (at === -1) throw new Error("The ring is full");
        stamp(producer.bytes, at, SIZE, number);
        producer.commit(SIZE);
        verify(consumer.bytes, consumer.tryPeek(), consumer.peekLength, SIZE, number);
        consumer.release();
      }),
    },
  ];
}

function burst(
  one: (producer: RingProducer, consumer: RingConsumer, message: Uint8Array, number: number) => void,
): () => void {
  const memory = allocateRing(CAPACITY);
  const nobodySleeps = { wake() {} };
  const producer = new RingProducer(memory, nobodySleeps);
  const consumer = new RingConsumer(memory, nobodySleeps);
  const message = new Uint8Array(SIZE);
  let number = 0;
  return () => {
    for (let i = 0; i < MESSAGES; i++) one(producer, consumer, message, ++number);
  };
}
