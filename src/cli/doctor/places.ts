import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { IpcError } from "../../errors.ts";
import { objectDirectory } from "../../objects/object-directory.ts";
import { formatBytes } from "../format-bytes.ts";
import type { Finding } from "./finding.ts";

const LEAST_FREE = 64 * 2 ** 20;
const TMPFS = 0x0102_1994;

/** Where objects live, and the room there. */
export function places(): Finding[] {
  return [sharedMemory(), queues(), directory(), overcommit()];
}

function sharedMemory(): Finding {
  const base = { area: "places", name: "/dev/shm" };
  const remedy = "sudo mount -t tmpfs -o size=50%,mode=1777 tmpfs /dev/shm";
  try {
    accessSync("/dev/shm", constants.W_OK | constants.X_OK);
  } catch {
    const meaning = "there is no POSIX shared memory for this user";
    return { ...base, value: existsSync("/dev/shm") ? "not writable" : "missing", verdict: "problem", meaning, remedy };
  }
  const { type, blocks, bavail, bsize } = statfsSync("/dev/shm");
  const value = `${formatBytes(bavail * bsize)} free of ${formatBytes(blocks * bsize)}`;
  if (type !== TMPFS)
    return { ...base, value, verdict: "warning", meaning: "it is no tmpfs, so objects may reach a disk", remedy };
  if (bavail * bsize >= LEAST_FREE) return { ...base, value, verdict: "ok" };
  const meaning = "there is little room for rings and shared memory";
  return { ...base, value, verdict: "warning", meaning, remedy: "sudo mount -o remount,size=1g /dev/shm" };
}

function queues(): Finding {
  const mounted = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .find((line) => line.split(" ")[2] === "mqueue");
  const at = mounted?.split(" ")[1];
  const base = { area: "places", name: "/dev/mqueue" };
  if (at === "/dev/mqueue") return { ...base, value: "mounted", verdict: "ok" };
  const meaning = "POSIX queues work, but those of other programs are not listed";
  const remedy = "sudo mkdir -p /dev/mqueue && sudo mount -t mqueue none /dev/mqueue";
  return { ...base, value: at === undefined ? "not mounted" : `mounted at ${at}`, verdict: "warning", meaning, remedy };
}

function directory(): Finding {
  const base = { area: "places", name: "object directory" };
  try {
    return { ...base, value: objectDirectory(), verdict: "ok" };
  } catch (error) {
    if (!(error instanceof IpcError)) throw error;
    const remedy = "export MILLRACE_DIR=/dev/shm/my-objects";
    return { ...base, value: "cannot be used", verdict: "problem", meaning: error.message, remedy };
  }
}

function overcommit(): Finding {
  const mode = readFileSync("/proc/sys/vm/overcommit_memory", "utf8").trim();
  const base = { area: "memory", name: "vm.overcommit_memory", value: mode };
  if (mode !== "2") return { ...base, verdict: "ok" };
  const meaning = "the kernel counts reserved memory as used, and may refuse the arena of 1 GiB";
  return { ...base, verdict: "warning", meaning, remedy: "sudo sysctl -w vm.overcommit_memory=0" };
}
