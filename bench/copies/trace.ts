/**
 * Copies of file data by the kernel, counted from what strace(1) has written of a process: bytes of each call that moves data, times how often
 * the kernel copies a byte in it. So it also sees what `/proc/PID/io` does not: sockets, queues, splice(2).
 */

/** strace's arguments for {@link copiedBytes}: all threads and children, only these calls, descriptors with what they are. */
export function traceCommand(output: string): string[] {
  const calls = [...Object.keys(COUNTED), "kill"].join(",");
  return [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-y",
    "-s",
    "0",
    "-qq",
    "-e",
    "signal=none",
    "-e",
    `trace=${calls}`,
    "-o",
    output,
  ];
}

/** What the kernel copied. */
export interface KernelCopies {
  /** Bytes, a byte that was copied twice counting twice. */
  readonly bytes: number;
  /** Bytes by call, such as `{ read: 33554432, "splice, by reference": 33554432 }`. */
  readonly calls: Readonly<Record<string, number>>;
}

/**
 * Reads traces.
 *
 * @param texts what strace wrote, of each process that was started
 * @param pass which pass counts, from 1: each process marks the beginning and the end of a pass with `kill(own pid, 0)`
 */
export function kernelCopies(texts: readonly string[], pass: number): KernelCopies {
  const calls: Record<string, number> = {};
  let bytes = 0;
  for (const text of texts) {
    for (const { name, args, result } of callsOfPass(text, pass)) {
      const moved = COUNTED[name]?.(args, result);
      if (moved === undefined || moved.bytes <= 0) continue;
      const label = moved.copies === 1 ? name : `${name}, by reference`;
      calls[label] = (calls[label] ?? 0) + moved.bytes;
      bytes += moved.bytes * moved.copies;
    }
  }
  return { bytes, calls };
}

interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: number;
}

/** Between the first beginning and the last end of that pass, of all processes in the trace. */
function callsOfPass(text: string, pass: number): Call[] {
  const calls: Call[] = [];
  const marks = new Map<string, number>();
  let [first, last] = [-1, -1];
  for (const call of parse(text)) {
    if (call.name !== "kill") {
      calls.push(call);
      continue;
    }
    const pid = /^(\d+)(?:<[^>]*>)?, 0$/.exec(call.args)?.[1];
    if (pid === undefined) continue;
    const mark = (marks.get(pid) ?? 0) + 1;
    marks.set(pid, mark);
    if (mark === 2 * pass - 1 && first === -1) first = calls.length;
    if (mark === 2 * pass) last = calls.length;
  }
  if (first === -1 || last === -1) throw new Error(`The trace has no pass ${pass}`);
  return calls.slice(first, last);
}

/** A call of another thread may stand between the beginning and the end of one. */
function* parse(text: string): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined || rest === undefined) continue;
    const unfinished = / <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      begun.set(thread, rest.slice(0, unfinished.index));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const whole = resumed === null ? rest : (begun.get(thread) ?? "") + rest.slice(resumed[0].length);
    const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole) ?? [];
    if (name !== undefined && args !== undefined) yield { name, args, result: Number(result) };
  }
}

interface Moved {
  readonly bytes: number;
  /** How often the kernel copies each of them. */
  readonly copies: 0 | 1;
}

type Counting = (args: string, result: number) => Moved;

const result: Counting = (_args, bytes) => ({ bytes, copies: 1 });
/** A queue's send gives 0; its length is an argument: the third, behind the message that is shown as a string or in braces. */
const length: Counting = (args, result) => ({
  bytes: result === 0 ? Number(/["}](?:\.\.\.)?, (\d+)/.exec(args)?.[1] ?? 0) : 0,
  copies: 1,
});
const nothing: Counting = (_args, bytes) => ({ bytes, copies: 0 });
/** Into a pipe go the pages of the file themselves; a file gets their content. */
const intoPipe: Counting = (args, bytes) => ({ bytes, copies: /, \d+<pipe:/.test(args) ? 0 : 1 });

const COUNTED: Readonly<Record<string, Counting>> = {
  read: result,
  readv: result,
  pread64: result,
  preadv: result,
  preadv2: result,
  write: result,
  writev: result,
  pwrite64: result,
  pwritev: result,
  pwritev2: result,
  recvfrom: result,
  recvmsg: result,
  sendto: result,
  sendmsg: result,
  mq_timedreceive: result,
  mq_timedsend: length,
  msgrcv: result,
  msgsnd: length,
  process_vm_readv: result,
  copy_file_range: result,
  sendfile: intoPipe,
  splice: intoPipe,
  tee: nothing,
  vmsplice: nothing,
};
