import { readFileSync } from "node:fs";
import { amount, type Finding, type Limit } from "./finding.ts";

const SYSV = "System V";
const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  [SYSV]: [
    limit("kernel.shmmax", 2 ** 25, "a segment of shared memory cannot be larger", "kernel.shmmax=68719476736"),
    limit("kernel.shmall", 2 ** 13, "all segments together cannot have more pages", "kernel.shmall=16777216"),
    limit("kernel.shmmni", 128, "there cannot be more segments", "kernel.shmmni=4096"),
    limit("kernel.msgmax", 8192, "a message of sysv: cannot be longer without fragments", "kernel.msgmax=65536"),
    limit("kernel.msgmnb", 16_384, "a queue cannot hold more bytes", "kernel.msgmnb=1048576"),
    limit("kernel.msgmni", 16, "there cannot be more queues", "kernel.msgmni=32000"),
    { ...semaphores("semmsl", 0, 32), meaning: "an array cannot have more semaphores" },
    { ...semaphores("semmns", 1, 1024), meaning: "all arrays together cannot have more semaphores" },
    { ...semaphores("semopm", 2, 32), meaning: "a semop cannot have more operations" },
    { ...semaphores("semmni", 3, 128), meaning: "there cannot be more arrays" },
  ],
  "POSIX queues": [
    limit("fs.mqueue.msg_max", 10, "a queue cannot hold more messages", "fs.mqueue.msg_max=1000"),
    limit("fs.mqueue.msgsize_max", 8192, "a message cannot be longer", "fs.mqueue.msgsize_max=65536"),
    limit("fs.mqueue.queues_max", 16, "there cannot be more queues", "fs.mqueue.queues_max=1024"),
  ],
  pipes: [
    limit("fs.pipe-max-size", 2 ** 20, "a pipe cannot have a larger capacity", "fs.pipe-max-size=1048576"),
    limit(
      "fs.pipe-user-pages-soft",
      1024,
      "past these pages new pipes are small; 0 is no limit",
      "fs.pipe-user-pages-soft=16384",
    ),
  ],
  memory: [limit("vm.max_map_count", 4096, "a process cannot have more mappings", "vm.max_map_count=65530")],
};

/** The limits of the kernel that objects meet. */
export function kernelLimits(): Finding[] {
  return Object.entries(LIMITS).flatMap(([area, limits]) => limits.map((one) => judge(area, one)));
}

function judge(area: string, { name, file, field = 0, least, meaning, remedy }: Limit): Finding {
  let value: number;
  try {
    value = Number(readFileSync(file, "utf8").trim().split(/\s+/)[field]);
  } catch (error) {
    return {
      area,
      name,
      value: "not known",
      verdict: "warning",
      meaning: `Cannot read ${file}: ${(error as Error).message}`,
    };
  }
  // 0 pages of pipes for a user means that there is no limit
  const enough = value >= least || (name === "fs.pipe-user-pages-soft" && value === 0);
  if (enough) return { area, name, value: amount(value), verdict: "ok" };
  return { area, name, value: amount(value), verdict: value === 0 ? "problem" : "warning", meaning, remedy };
}

function limit(name: string, least: number, meaning: string, setting: string): Limit {
  // the first dots are folders; names have none
  const file = `/proc/sys/${name.replaceAll(".", "/")}`;
  return { name, file, least, meaning, remedy: `sudo sysctl -w ${setting}` };
}

function semaphores(name: string, field: number, least: number): Omit<Limit, "meaning"> {
  const remedy = 'sudo sysctl -w kernel.sem="32000 1024000000 500 32000"';
  return { name: `kernel.sem ${name}`, file: "/proc/sys/kernel/sem", field, least, remedy };
}
