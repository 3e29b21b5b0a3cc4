import { readFileSync, readlinkSync } from "node:fs";
import { getpid } from "../ffi/ids.ts";

/** Which process this is, also beside others with the same number: in another container, or before a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since the boot; empty when `/proc` does not tell. */
  readonly start: string;
  /** The namespace of its number. */
  readonly namespace: string;
  /** The namespace of its System V objects. */
  readonly ipcNamespace: string;
  readonly boot: string;
}

let self: ProcessIdentity | undefined;

/** The identity of this process. */
export function processIdentity(): ProcessIdentity {
  self ??= {
    pid: getpid(),
    start: startOf(getpid()),
    namespace: quietly(() => readlinkSync("/proc/self/ns/pid")),
    ipcNamespace: quietly(() => readlinkSync("/proc/self/ns/ipc")),
    boot: quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  };
  return self;
}

function startOf(pid: number): string {
  // the command's name, in brackets, may hold anything
  const afterName = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8")).replace(/^.*\)/s, "");
  return afterName.trim().split(" ")[19] ?? "";
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
