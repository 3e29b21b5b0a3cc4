/**
 * Who competes in throughput. Each is started as a program would start it: two processes, or two threads where it says so. `each` and
 * `perKiB` are nanoseconds that a message takes by experience, by which only the number of messages is chosen.
 */
import type { RuntimeName } from "../../test/support/runtimes.ts";
import { BASE, BOOST, NATS } from "./contender-names.ts";
import type { NativePrograms } from "./native-programs.ts";
import type { Figure } from "./result.ts";
import type { Target } from "./scratch.ts";

/** What one contender is and how `bench/ring/measure.ts` starts it. */
export interface ThroughputContender {
  readonly name: string;
  readonly kind: Figure["kind"];
  readonly runtime: RuntimeName | "c";
  readonly each: number;
  readonly perKiB: number;
  /** A file in `bench/ring/ways`, or a native program. */
  readonly way?: string;
  readonly program?: readonly [string, ...string[]] | undefined;
  readonly second?: "when ready" | "child";
  /** What the target is. */
  readonly target: Target;
  /** For the C twin: bytes that it publishes together. */
  readonly batchBytes?: number;
  /** Why it is not measured. */
  readonly missing?: string | undefined;
  readonly note?: string;
}

const QUEUE_NOTE =
  "A queue takes messages of 8 KiB at most unless the system is set otherwise, so longer ones go in pieces.";
const THREADS_NOTE = "Two threads of one process; threads need no kernel object and no process of their own.";

/** All contenders, ours first. @param nats the port of a server, or why there is none */
export function throughputContenders(
  native: NativePrograms,
  nats: { port?: number; missing?: string },
): ThroughputContender[] {
  const ring = { kind: "millrace", target: "ring" } as const;
  const bun = { kind: "peer", runtime: "bun", target: "path", perKiB: 600 } as const;
  const node = { kind: "peer", runtime: "node26", target: "path", perKiB: 1200 } as const;
  const c = { kind: "native", runtime: "c", target: "path", second: "child" } as const;
  const twin = { kind: "native", runtime: "c", target: "segment" } as const;
  const kernel = (name: string) => ({ ...c, program: [native.transports, "receive", name] as const });
  return [
    { ...ring, name: BASE, runtime: "bun", way: "channel-await", each: 150, perKiB: 400 },
    { ...ring, name: "ring, sendMany / batches", runtime: "bun", way: "channel-many", each: 130, perKiB: 400 },
    {
      ...ring,
      name: "ring, sendMany / peekBatches",
      runtime: "bun",
      way: "channel-peek-many",
      each: 130,
      perKiB: 100,
    },
    { ...ring, name: "ring, trySend / tryReceive", runtime: "bun", way: "channel-try", each: 300, perKiB: 200 },
    { ...ring, name: "ring, claim / peek", runtime: "bun", way: "channel-claim", each: 300, perKiB: 60 },
    { ...ring, name: `Node: ${BASE}`, runtime: "node26", way: "channel-await", each: 500, perKiB: 600 },
    {
      ...ring,
      name: "Node: ring, trySend / tryReceive",
      runtime: "node26",
      way: "channel-try",
      each: 400,
      perKiB: 300,
    },
    { ...ring, name: `Deno: ${BASE}`, runtime: "deno", way: "channel-await", each: 500, perKiB: 600 },
    { ...ring, name: "Deno: ring, trySend / tryReceive", runtime: "deno", way: "channel-try", each: 400, perKiB: 300 },
    {
      ...ring,
      name: "pipe, send / for await",
      runtime: "bun",
      way: "channel-pipe",
      each: 1500,
      perKiB: 700,
      target: "path",
      second: "child",
    },
    {
      ...ring,
      name: "unix, send / for await",
      runtime: "bun",
      way: "channel-await",
      each: 3000,
      perKiB: 700,
      target: "unix channel",
    },
    { ...bun, name: "Bun.spawn IPC", way: "bun-ipc", each: 1700, second: "child" },
    { ...bun, name: "Bun unix socket", way: "bun-unix", each: 1500, second: "when ready" },
    { ...bun, name: "Bun stdio pipe", way: "bun-stdio", each: 800, second: "child" },
    { ...bun, name: "Bun worker, postMessage", way: "worker-post", each: 2000, second: "child", note: THREADS_NOTE },
    { ...bun, name: "Bun worker, transfer", way: "worker-transfer", each: 3000, second: "child", note: THREADS_NOTE },
    { ...bun, name: "ringbuf.js on Bun", way: "ringbuf-js", each: 500, second: "child", note: THREADS_NOTE },
    { ...node, name: "Node IPC, advanced", way: "node-ipc", each: 6000, second: "child" },
    { ...node, name: "Node unix socket", way: "node-unix", each: 2000, second: "when ready" },
    { ...node, name: "Node stdio pipe", way: "node-stdio", each: 1500, second: "child" },
    { ...node, name: "Node worker, postMessage", way: "worker-post", each: 2000, second: "child", note: THREADS_NOTE },
    { ...node, name: "Node worker, transfer", way: "worker-transfer", each: 2500, second: "child", note: THREADS_NOTE },
    { ...node, name: "ringbuf.js on Node", way: "ringbuf-js", each: 300, second: "child", note: THREADS_NOTE },
    { ...node, name: "ZeroMQ on Node", way: "zeromq", each: 4000, second: "when ready" },
    {
      ...node,
      name: NATS,
      way: "nats",
      each: 2500,
      perKiB: 3500,
      second: "when ready",
      target: "nats",
      missing: nats.missing,
    },
    { ...twin, name: "C: ring", each: 30, perKiB: 50 },
    { ...twin, name: "C: ring, in batches of 8 KiB", each: 8, perKiB: 50, batchBytes: 8192 },
    {
      ...c,
      name: BOOST,
      program: native.boostQueue === undefined ? undefined : [native.boostQueue, "receive"],
      each: 30,
      perKiB: 120,
      missing: native.boostQueue === undefined ? native.whyNoBoost : undefined,
    },
    { ...kernel("pipe"), name: "C: pipe", each: 500, perKiB: 500 },
    { ...kernel("unix"), name: "C: unix socket", each: 700, perKiB: 500 },
    { ...kernel("sysv"), name: "C: SysV queue", each: 900, perKiB: 700, note: QUEUE_NOTE },
    { ...kernel("mq"), name: "C: POSIX queue", each: 1000, perKiB: 800, note: QUEUE_NOTE },
  ];
}
