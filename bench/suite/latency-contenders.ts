/** Who competes in latency. `us` is what a round trip takes by experience, by which only the number of round trips is chosen. */
import type { RuntimeName } from "../../test/support/runtimes.ts";
import { BASE, BOOST, NATS } from "./contender-names.ts";
import type { NativePrograms } from "./native-programs.ts";
import type { Figure } from "./result.ts";
import type { Target } from "./scratch.ts";

/** What one contender is and how it is started. */
export interface LatencyContender {
  readonly name: string;
  readonly kind: Figure["kind"];
  readonly runtime: RuntimeName | "c";
  readonly us: number;
  /** A file in `bench/latency/lines`. */
  readonly line?: string;
  /** Of a native program: those of its two processes, or of one that starts the other itself. */
  readonly program?: "ring spin" | "ring futex" | readonly [string, ...string[]] | undefined;
  /** How the echo is started: at the same time, before the ping, or by the ping. */
  readonly echo?: "when ready" | "child";
  readonly target: Target;
  /** It cannot send while it waits for a reply. */
  readonly isClosedOnly?: boolean;
  readonly missing?: string | undefined;
  readonly note?: string;
}

const THREADS_NOTE = "Two threads of one process.";
const SPIN_NOTE = "Both sides spin, and use a core each.";

/** All contenders, ours first. @param nats the port of a server, or why there is none */
export function latencyContenders(native: NativePrograms, nats: { missing?: string }): LatencyContender[] {
  const ring = { kind: "millrace", runtime: "bun", target: "ring", line: "channel", us: 25 } as const;
  const bun = { kind: "peer", runtime: "bun", target: "path", us: 50 } as const;
  const node = { kind: "peer", runtime: "node26", target: "path", us: 60 } as const;
  const c = { kind: "native", runtime: "c", target: "path", us: 10, echo: "child" } as const;
  const closed = { isClosedOnly: true } as const;
  const spins = { us: 2, note: SPIN_NOTE } as const;
  const kernel = (name: string) => ({ ...c, program: [native.transports, "ping", name] as const });
  const boost = native.boostQueue;
  return [
    { ...ring, name: BASE },
    { ...ring, name: "ring, sendSync / receiveSync", line: "channel-sync", us: 6, ...closed },
    { ...ring, name: "ring, trySend / tryReceive", line: "channel-try", ...spins },
    { ...ring, name: `Node: ${BASE}`, runtime: "node26", us: 50 },
    { ...ring, name: `Deno: ${BASE}`, runtime: "deno", us: 50 },
    { ...ring, name: "fifo, send / for await", target: "fifo channel", us: 60 },
    { ...ring, name: "unix, send / for await", target: "unix channel", us: 60 },
    { ...bun, name: "Bun.spawn IPC", line: "bun-ipc", echo: "child" },
    { ...bun, name: "Bun unix socket", line: "bun-unix", echo: "when ready" },
    { ...bun, name: "Bun stdio pipe", line: "bun-stdio", echo: "child" },
    { ...bun, name: "Bun worker, postMessage", line: "worker-post", echo: "child", note: THREADS_NOTE },
    {
      ...bun,
      name: "ringbuf.js on Bun",
      line: "ringbuf-js",
      echo: "child",
      us: 2,
      note: `${THREADS_NOTE} ${SPIN_NOTE}`,
    },
    { ...node, name: "Node IPC, advanced", line: "node-ipc", echo: "child" },
    { ...node, name: "Node unix socket", line: "node-unix", echo: "when ready" },
    { ...node, name: "Node stdio pipe", line: "node-stdio", echo: "child" },
    { ...node, name: "Node worker, postMessage", line: "worker-post", echo: "child", note: THREADS_NOTE },
    { ...node, name: "ZeroMQ on Node", line: "zeromq", echo: "when ready", us: 120 },
    { ...node, name: NATS, line: "nats", echo: "when ready", us: 120, target: "nats", missing: nats.missing },
    { ...c, ...spins, ...closed, name: "C: ring, spinning", program: "ring spin", us: 0.3 },
    { ...c, ...closed, name: "C: ring, futex", program: "ring futex", us: 20 },
    {
      ...c,
      ...spins,
      ...closed,
      name: BOOST,
      us: 0.3,
      program: boost === undefined ? undefined : [boost, "ping"],
      missing: boost === undefined ? native.whyNoBoost : undefined,
    },
    { ...kernel("pipe"), name: "C: pipe" },
    { ...kernel("unix"), name: "C: unix socket" },
    { ...kernel("sysv"), name: "C: SysV queue" },
    { ...kernel("mq"), name: "C: POSIX queue" },
  ];
}
