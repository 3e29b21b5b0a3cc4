import { join } from "node:path";
import { mkfifo } from "../../ffi/fifo.ts";
import { KIND_FUNNEL } from "../../ring/funnel-layout.ts";
import type { ObjectShape } from "../make-object.ts";
import { bellFile } from "../presence-object.ts";

/** The FIFO that wakes the consumer: any producer writes a byte into it. */
export const CONSUMER_BELL: string = bellFile("receiver");

/** A FIFO that nobody writes into. The consumer keeps it open for writing, so it hangs up for every producer when the consumer has gone. */
export const LIFELINE_FILE = "lifeline";

/**
 * Byte of `segment` whose lock is the slot of that number: nobody holds it when its producer has gone. All producers together hold byte 0,
 * each with a lock to read, so that who asks for the role of the sender sees that there is one.
 */
export const FIRST_SLOT_BYTE = 64;

/** The FIFO that wakes the producer of a slot. That one alone reads it, so whoever has it open for writing sees when it goes. */
export function producerBell(slot: number): string {
  return `${bellFile("sender")}-${slot}`;
}

/** What a funnel is, besides its segment. The bells of the producers are made when a slot is first taken. */
export const FUNNEL_SHAPE: ObjectShape = {
  kind: KIND_FUNNEL,
  bell: CONSUMER_BELL,
  makeBells(directory, mode) {
    mkfifo(join(directory, CONSUMER_BELL), mode);
    mkfifo(join(directory, LIFELINE_FILE), mode);
  },
};
