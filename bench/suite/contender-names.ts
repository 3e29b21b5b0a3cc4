/** Names of contenders that need more than others, by which it is known whether they take part. */
export const BOOST = "C++: boost spsc_queue";
export const NATS = "NATS on Node";
/** The contender that is 1 in ratio columns of throughput and latency. */
export const BASE = "ring, send / for await";
