import type { SoakProfile } from "./soak-messages.ts";

/** Every way to send. */
export const SEND_FORMS = ["send", "sendSync", "trySend", "sendMany", "claim", "claimSync"] as const;
export type SendForm = (typeof SEND_FORMS)[number];

/** Every way to receive. The first four write a message down before they release it. */
export const RECEIVE_FORMS = [
  "peek",
  "peekSync",
  "tryPeek",
  "peekBatches",
  "receive",
  "receiveSync",
  "tryReceive",
  "iterate",
  "batches",
] as const;
export type ReceiveForm = (typeof RECEIVE_FORMS)[number];

/** The most messages that `batches()` and `peekBatches()` of the soak give at once. */
export const SOAK_BATCH = 16;

/** What an end of the soak has to do; `soak-end.ts` gets it as JSON. */
export type SoakTask = ProducerTask | ConsumerTask;

export interface ProducerTask {
  readonly side: "producer";
  readonly address: string;
  readonly capacity: number;
  readonly journal: string;
  readonly form: SendForm;
  /** Number of the session, which decides about the messages. */
  readonly session: number;
  readonly profile: SoakProfile;
  /** Messages to send before it closes. */
  readonly count: number;
}

export interface ConsumerTask {
  readonly side: "consumer";
  readonly address: string;
  readonly capacity: number;
  readonly journal: string;
  readonly form: ReceiveForm;
}
