import { readdirSync, readFileSync } from "node:fs";

/** What the kernel has counted of some processes, from `/proc`, so by no word of their own. */
export class Usage {
  /** Bytes that went through calls such as read(2) and write(2): `rchar` and `wchar` of `/proc/PID/io`. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Seconds on a processor, of all threads. */
  readonly cpuSeconds: number;
  /** Pages that had to be mapped at a touch. */
  readonly faults: number;

  private constructor(readBytes: number, writtenBytes: number, cpuSeconds: number, faults: number) {
    this.readBytes = readBytes;
    this.writtenBytes = writtenBytes;
    this.cpuSeconds = cpuSeconds;
    this.faults = faults;
  }

  /** Up to now. */
  static of(pids: readonly number[]): Usage {
    let [read, written, cpu, faults] = [0, 0, 0, 0];
    for (const pid of pids) {
      const io = readFileSync(`/proc/${pid}/io`, "utf8");
      read += Number(/rchar: (\d+)/.exec(io)?.[1]);
      written += Number(/wchar: (\d+)/.exec(io)?.[1]);
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        try {
          cpu += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e9;
        } catch {
          // the thread has just ended
        }
      }
      // behind the name, which may hold anything: state, …, and the minor faults as the eighth
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      faults += Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[7]);
    }
    return new Usage(read, written, cpu, faults);
  }

  since(before: Usage): Usage {
    return new Usage(
      this.readBytes - before.readBytes,
      this.writtenBytes - before.writtenBytes,
      this.cpuSeconds - before.cpuSeconds,
      this.faults - before.faults,
    );
  }
}
