import { lstatSync, readFileSync, type Stats } from "node:fs";
import type { ObjectRecord } from "../../objects/journal.ts";
import type { FoundObject } from "./object-info.ts";
import { useOf } from "./posix-files.ts";
import type { ProcessScan } from "./process-scan.ts";

/** FIFOs and unix sockets may be anywhere, so only those are known that a journal names. */
export function pathObjects(
  kind: "fifo" | "unix-socket",
  records: readonly ObjectRecord[],
  scan: ProcessScan,
): FoundObject[] {
  const paths = new Set(records.filter((record) => record.kind === kind).map(({ name }) => name));
  return [...paths].flatMap((path) => pathObject(kind, path, scan) ?? []);
}

function pathObject(kind: "fifo" | "unix-socket", path: string, scan: ProcessScan): FoundObject | undefined {
  const status = statOf(path);
  if (status === undefined || !(kind === "fifo" ? status.isFIFO() : status.isSocket())) return undefined;
  const { holders, bound } =
    kind === "fifo" ? { holders: scan.holdersOf(status), bound: false } : listeners(path, scan);
  const { use, notes } = useOf(holders, scan);
  return {
    kind,
    name: path,
    recordName: path,
    key: undefined,
    path,
    uid: status.uid,
    mode: status.mode & 0o777,
    size: 0,
    attaches: undefined,
    backlog: undefined,
    creatorPid: undefined,
    lastPids: [],
    holders,
    changed: Math.round(status.ctimeMs),
    // the kernel's table names every socket that is bound to the path, whoever's it is
    ...(kind === "fifo" ? { use, notes } : { use: bound ? ("held" as const) : ("free" as const), notes: [] }),
  };
}

function listeners(path: string, scan: ProcessScan): { holders: number[]; bound: boolean } {
  const inodes: number[] = [];
  for (const line of readFileSync("/proc/net/unix", "utf8").split("\n").slice(1)) {
    // Num: RefCount Protocol Flags Type St Inode Path; the path may hold spaces
    const [, inode, bound] = /^\S+ \S+ \S+ \S+ \S+ \S+\s+(\d+) (.*)$/.exec(line) ?? [];
    if (bound === path) inodes.push(Number(inode));
  }
  return { holders: [...new Set(inodes.flatMap((inode) => scan.holdersOfSocket(inode)))], bound: inodes.length > 0 };
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
