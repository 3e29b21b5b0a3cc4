import { O_RDWR, POLLIN } from "../../ffi/abi/current.ts";
import { close, ftruncate, open } from "../../ffi/fd.ts";
import { futexWake } from "../../ffi/futex.ts";
import { getpid } from "../../ffi/ids.ts";
import { queryLock, tryLock } from "../../ffi/lock.ts";
import { memfdCreate } from "../../ffi/memfd.ts";
import { pidfdOpen } from "../../ffi/pidfd.ts";
import { pollOne } from "../../ffi/poll.ts";
import { recommendedLibrary } from "../../ffi/recommended.ts";
import { pageSize } from "../../ffi/sysconf.ts";
import { ARENA_BYTES, arena } from "../../memory/arena.ts";
import { mapShared } from "../../memory/region.ts";
import { runtime } from "../../runtime.ts";
import type { Finding } from "./finding.ts";

/** What this process can do; each is tried. */
export function abilities(): Finding[] {
  const findings = [
    attempt("runtime", () => `${runtime} ${versionOf()}, ${process.platform}-${process.arch}`, ""),
    attempt(
      "calls to C",
      () => {
        if (getpid() !== process.pid) throw new Error(`getpid() gave ${getpid()}, not ${process.pid}`);
        return recommendedLibrary().name;
      },
      runtime === "deno" ? "deno run --allow-ffi …" : "npm install koffi",
    ),
  ];
  if (findings.some(({ verdict }) => verdict === "problem")) return findings;
  return [
    ...findings,
    attempt("arena", () => `${arena().address > 0 ? ARENA_BYTES >> 20 : 0} MiB reserved`, "ulimit -v unlimited"),
    attempt("memfd and mapping", mapped, "use Linux 3.17 or newer"),
    attempt("open file description locks", locked, "use Linux 3.15 or newer; a sandbox may forbid fcntl"),
    attempt("pidfd", ends, "use Linux 5.3 or newer; a sandbox may forbid pidfd_open", "popen cannot wait for programs"),
    attempt("futex", () => `works (${futexWake(arena().address, 1)} woken)`, "a sandbox may forbid futex"),
  ];
}

function versionOf(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return (runtime === "bun" ? bun : runtime === "deno" ? deno : node) ?? "";
}

function mapped(): string {
  const fd = memfdCreate("millrace-doctor");
  try {
    ftruncate(fd, pageSize());
    const region = mapShared(fd, pageSize());
    Atomics.store(region.arena.words, region.offset >> 2, 1);
    region.close();
    return "works";
  } finally {
    close(fd);
  }
}

function locked(): string {
  const fd = memfdCreate("millrace-doctor");
  try {
    // a second open of the same file, against which the lock has to hold
    const other = open(`/proc/self/fd/${fd}`, O_RDWR);
    try {
      if (!tryLock(fd, "write", 0, 1) || !queryLock(other, "write", 0, 1)) throw new Error("a lock did not hold");
      return "work";
    } finally {
      close(other);
    }
  } finally {
    close(fd);
  }
}

/** A descriptor of this process, which has not ended. */
function ends(): string {
  const pidfd = pidfdOpen(getpid());
  try {
    if (pollOne(pidfd, POLLIN, 0) !== 0) throw new Error("a process that runs is said to have ended");
    return "works";
  } finally {
    close(pidfd);
  }
}

/** @param effect what follows from it, where the error does not say */
function attempt(name: string, run: () => string, remedy: string, effect?: string): Finding {
  try {
    return { area: "runtime", name, value: run(), verdict: "ok" };
  } catch (error) {
    return {
      area: "runtime",
      name,
      value: "does not work",
      verdict: "problem",
      meaning: `${(error as Error).message}${effect === undefined ? "" : `: ${effect}`}`,
      remedy,
    };
  }
}
