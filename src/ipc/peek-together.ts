/** What a consumer of a ring or a funnel can do for messages that are peeked at together. */
interface KeepingConsumer {
  readonly bytes: Uint8Array;
  readonly keeping: boolean;
  readonly pending: number;
  readonly peekLength: number;
  /** The message goes on in the next record; missing where none ever does. */
  readonly peekMore?: boolean;
  tryPeek(): number;
  keep(): void;
  release(): void;
  releaseKept(): void;
}

/**
 * Shows the message behind those that are peeked at, besides them. What is shown together is a quarter of the room at most, so that who
 * sends goes on meanwhile, and lies there in one piece.
 */
export function peekNext(consumer: KeepingConsumer, capacity: number): Uint8Array | undefined {
  if (!consumer.keeping) consumer.keep();
  if (consumer.pending >= capacity / 4) return undefined;
  const at = consumer.tryPeek();
  if (at === -1 || consumer.peekMore) return undefined;
  const message = consumer.bytes.subarray(at, at + consumer.peekLength);
  consumer.keep();
  return message;
}

/** Releases the message that is peeked at, or all that are peeked at together. */
export function releasePeeked(consumer: KeepingConsumer): void {
  if (consumer.keeping) consumer.releaseKept();
  else consumer.release();
}
