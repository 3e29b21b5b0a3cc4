import { COMPARISON, type Preparation, TRANSPORTS } from "../../src/cli/demo/transports.ts";
import type { Workspace } from "../../src/cli/demo/workspace.ts";
import type { Figure } from "../suite/result.ts";
import type { PairSetup } from "./pair.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** It fits into the cache of one processor. With 16 MiB `send` and `receive` took 1.6 times as long, in place it made no difference. */
const RING_BYTES = 2 * MIB;

/** A way to bring a file from one process to another. */
export interface Transport {
  readonly name: string;
  readonly kind: Figure["kind"];
  /** A file in `ways/`. */
  readonly way: string;
  readonly runtime: PairSetup["runtime"];
  /** The sink starts its source. */
  readonly nested: boolean;
  readonly chunkBytes: number;
  /** What the textbook says that a byte is copied. */
  readonly textbook: number;
  /** Why it is otherwise here. */
  readonly note?: string;
  prepare(workspace: Workspace): Preparation;
}

const CHANNEL_NAMES = {
  pipe: "pipe",
  fifo: "FIFO",
  sysv: "SysV queue",
  mq: "POSIX queue",
  unix: "unix socket",
} as const;

const QUEUE_NOTE =
  "The kernel limits a message, by default to 8 KiB, so a longer one goes in pieces with a header each: JavaScript copies it once into pieces and once out of them";

const bun = { runtime: "bun", nested: false } as const;
const nested = { nested: true, chunkBytes: COMPARISON.chunkBytes, prepare: nothingToPrepare } as const;

export const COPY_TRANSPORTS: readonly Transport[] = [
  {
    ...bun,
    name: "pipe in C",
    kind: "native",
    way: "file-through-pipe",
    runtime: "c",
    chunkBytes: 256 * KIB,
    textbook: 4,
    prepare: transportOf("pipe").prepare,
  },
  ...(["pipe", "fifo", "sysv", "mq", "unix"] as const).map(channelTransport),
  {
    ...nested,
    name: "Bun stdio",
    kind: "peer",
    way: "bun-stdio",
    runtime: "bun",
    textbook: 4,
  },
  {
    ...nested,
    name: "Bun.spawn IPC",
    kind: "peer",
    way: "bun-ipc",
    runtime: "bun",
    textbook: 4,
    note: "A socket's four copies. Those of structured clone the runtime makes inside of itself, where nothing counts them; the time has them",
  },
  {
    ...nested,
    name: "Node child_process IPC",
    kind: "peer",
    way: "node-ipc",
    runtime: "node26-ffi",
    textbook: 4,
    note: "A socket's four copies, and one in JavaScript that puts a message together. Those of structured clone the runtime makes inside of itself, where nothing counts them; the time has them",
  },
  {
    ...ring("ring, send/receive", "channel", 2),
    note: "The textbook reads the file into the shared memory itself. Here it is read into memory of the process and then copied into the ring, and the same on the way out",
  },
  ring("ring, claim/peek", "ring-in-place", 2),
  ring("ring fed from a mapped file", "ring-from-mapping", 2),
  ring("shared mapped file", "shared-file", 2),
  ring("source mapped by both", "source-mapped-by-both", 1),
  {
    ...bun,
    name: "splice through a pipe",
    kind: "millrace",
    way: "splice",
    chunkBytes: MIB,
    textbook: 0,
    note: "Into the pipe go the pages of the file themselves. A file on tmpfs does not take pages from a pipe, so the kernel copies them there",
    prepare: transportOf("pipe").prepare,
  },
  {
    ...bun,
    name: "descriptor and copy_file_range",
    kind: "millrace",
    way: "descriptor",
    chunkBytes: MIB,
    textbook: 1,
    prepare: transportOf("unix").prepare,
  },
];

function channelTransport(name: "pipe" | "fifo" | "sysv" | "mq" | "unix"): Transport {
  const { chunkBytes, prepare } = transportOf(name);
  const note = name === "sysv" || name === "mq" ? { note: QUEUE_NOTE } : {};
  return {
    ...bun,
    name: CHANNEL_NAMES[name],
    kind: "millrace",
    way: "channel",
    chunkBytes,
    textbook: 4,
    prepare,
    ...note,
  };
}

function ring(name: string, way: string, textbook: number): Transport {
  const { chunkBytes, prepare } = transportOf("ring");
  const smaller = (workspace: Workspace) => ({ ...prepare(workspace), options: { capacity: RING_BYTES } });
  return { ...bun, name, kind: "millrace", way, chunkBytes, textbook, prepare: smaller };
}

/** As the demo uses it. */
function transportOf(name: string): (typeof TRANSPORTS)[number] {
  const transport = TRANSPORTS.find((known) => known.name === name);
  if (transport === undefined) throw new Error(`The demo has no transport ${name}`);
  return transport;
}

function nothingToPrepare(): Preparation {
  return { sender: { address: "" }, receiver: { address: "" }, options: {} };
}
