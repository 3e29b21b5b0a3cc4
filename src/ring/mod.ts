/**
 * The lock-free ring for one producer and one consumer, the broadcast for many consumers and the funnel for many producers, over any memory
 * that all of them can see.
 *
 * This module does not make shared memory, name it, take roles or sleep; `Channel` on a `ring:` address does.
 *
 * @module
 */
export { allocateRing } from "./allocate-ring.ts";
export { BroadcastConsumer, type BroadcastConsumerOptions } from "./broadcast-consumer.ts";
export { BroadcastProducer, type BroadcastProducerOptions, type BroadcastWaker } from "./broadcast-producer.ts";
export { RingConsumer, type RingConsumerOptions } from "./consumer.ts";
export { type Copier, ViewCopier } from "./copier.ts";
export { FunnelConsumer, type FunnelConsumerOptions, type FunnelProducerWaker } from "./funnel-consumer.ts";
export * from "./funnel-layout.ts";
export { type FunnelConsumerWaker, FunnelProducer, type FunnelProducerOptions } from "./funnel-producer.ts";
export { checkRingSizes, initializeHeader, type NewRingHeader } from "./initialize-header.ts";
export type { Keeping } from "./kept-records.ts";
export * from "./layout.ts";
export { observeRing, type RingEndObservation, type RingObservation } from "./observe-ring.ts";
export { RingProducer, type RingProducerOptions } from "./producer.ts";
export type { RingHeaderMemory, RingMemory } from "./ring-memory.ts";
export { type RingHeader, type RingKind, validateHeader } from "./validate-header.ts";
export type { Waiter, WaitMode } from "./waiter.ts";
