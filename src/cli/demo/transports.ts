import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { close, pipe2 } from "../../ffi/fd.ts";
import { Channel } from "../../ipc/channel.ts";
import type { ChannelOptions } from "../../ipc/options.ts";
import type { Workspace } from "./workspace.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** How the demo uses a transport. */
export interface Transport {
  readonly name: string;
  /** Bytes a message, at most. */
  readonly chunkBytes: number;
  prepare(workspace: Workspace): Preparation;
}

/** What the workers of one transport get. */
export interface Preparation {
  readonly sender: Endpoint;
  readonly receiver: Endpoint;
  readonly options: ChannelOptions;
  /** Called when the workers were started. */
  started?(): void;
  /** Called when they have ended, however they ended: removes what is left. */
  finish?(): Promise<void>;
}

export interface Endpoint {
  readonly address: string;
  /** What the worker gets as its descriptor 3. */
  readonly descriptor?: number;
}

/** The sizes were chosen by measuring: larger ones fall out of the processor's cache, smaller ones wake the other side more often. */
export const TRANSPORTS: readonly Transport[] = [
  {
    name: "ring",
    chunkBytes: 256 * KIB,
    prepare: () => ({ ...bothEnds("ring:demo"), options: { capacity: 16 * MIB } }),
  },
  { name: "pipe", chunkBytes: 256 * KIB, prepare: preparePipe },
  {
    name: "fifo",
    chunkBytes: 256 * KIB,
    prepare: (workspace) => ({ ...bothEnds(`fifo:${workspace.file("fifo")}`), options: { capacity: largestPipe() } }),
  },
  {
    name: "unix",
    chunkBytes: 256 * KIB,
    // not in the workspace, whose path may be longer than a socket's can be
    prepare: () => ({ ...bothEnds(`unix:@millrace-demo-${randomInt(2 ** 31)}`), options: {} }),
  },
  // a message is one of the kernel's, so the kernel's limit cuts the chunks
  { name: "sysv", chunkBytes: 64 * KIB, prepare: () => prepareQueue(`sysv:${randomInt(1, 2 ** 31)}`) },
  { name: "mq", chunkBytes: 64 * KIB, prepare: () => prepareQueue(`mq:/millrace-demo-${randomInt(2 ** 31)}`) },
];

/** What programs use without millrace: the standard output of a child process. */
export const COMPARISON = { name: "stdio", chunkBytes: 256 * KIB } as const;

function preparePipe(): Preparation {
  const [readEnd, writeEnd] = pipe2();
  return {
    sender: { address: "pipe:3", descriptor: writeEnd },
    receiver: { address: "pipe:3", descriptor: readEnd },
    options: { capacity: largestPipe() },
    started() {
      close(readEnd);
      close(writeEnd);
    },
  };
}

function prepareQueue(address: string): Preparation {
  return {
    ...bothEnds(address),
    options: {},
    async finish() {
      await Channel.remove(address);
    },
  };
}

function bothEnds(address: string): { sender: Endpoint; receiver: Endpoint } {
  return { sender: { address }, receiver: { address } };
}

/** 1 MiB, or what the system allows. */
function largestPipe(): number {
  return Math.min(MIB, Number(readFileSync("/proc/sys/fs/pipe-max-size", "utf8")));
}
