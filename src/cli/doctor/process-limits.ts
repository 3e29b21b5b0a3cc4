import { RLIMIT_AS, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NOFILE } from "../../ffi/abi/current.ts";
import { getrlimit } from "../../ffi/rlimit.ts";
import { ARENA_BYTES } from "../../memory/arena.ts";
import { amount, type Finding } from "./finding.ts";

/** The limits of this process, which its children get. */
export function processLimits(): Finding[] {
  return [
    judge("RLIMIT_NOFILE", RLIMIT_NOFILE, 256, "a channel takes up to four descriptors", "ulimit -n 4096"),
    judge("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 65_536, "bytes for POSIX queues of this user", "ulimit -q 819200"),
    judge("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 65_536, "bytes that may be kept in memory", "ulimit -l 65536"),
    judge("RLIMIT_AS", RLIMIT_AS, 2 * ARENA_BYTES, "the arena reserves 1 GiB of address space", "ulimit -v unlimited"),
  ];
}

function judge(name: string, resource: number, least: number, meaning: string, remedy: string): Finding {
  const { soft, hard } = getrlimit(resource);
  const value = soft === hard ? amount(soft) : `${amount(soft)} of ${amount(hard)}`;
  if (soft >= least) return { area: "process", name, value, verdict: "ok" };
  return { area: "process", name, value, verdict: "warning", meaning, remedy };
}
