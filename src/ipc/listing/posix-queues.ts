import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { O_NONBLOCK, O_RDONLY } from "../../ffi/abi/current.ts";
import { close, type FileStatus, fstat } from "../../ffi/fd.ts";
import { type MqAttributes, mqGetattr, mqOpen } from "../../ffi/mq.ts";
import type { ObjectRecord } from "../../objects/journal.ts";
import type { FoundObject } from "./object-info.ts";
import { useOf } from "./posix-files.ts";
import type { ProcessScan } from "./process-scan.ts";

/**
 * POSIX queues. There is no call that lists them: all are seen where their file system is mounted, usually at `/dev/mqueue`, elsewhere only
 * those that our journals name, and one that is asked for by its name.
 */
export function posixQueues(records: readonly ObjectRecord[], scan: ProcessScan, wanted?: string): FoundObject[] {
  const folder = mountPoint();
  const recorded = records.filter(({ kind }) => kind === "posix-mq").map(({ name }) => name);
  const known = wanted === undefined ? recorded : [...recorded, `/${wanted.replace(/^\//, "")}`];
  const names = folder !== undefined ? readdirSync(folder).map((name) => `/${name}`) : [...new Set(known)];
  return names.flatMap((name) => posixQueue(name, folder, scan) ?? []);
}

/** The folder may exist without the mount, as in containers. */
function mountPoint(): string | undefined {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  // device, place, type, …; blanks and the like in octal
  const place = mounts.map((line) => line.split(" ")).find((fields) => fields[2] === "mqueue")?.[1];
  return place?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function posixQueue(name: string, folder: string | undefined, scan: ProcessScan): FoundObject | undefined {
  const path = folder === undefined ? undefined : join(folder, name.slice(1));
  const file = path === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false });
  const opened = openQueue(name);
  const status = file ?? opened?.status;
  if (status === undefined) return undefined;
  const holders = scan.holdersOf(status);
  const { use, notes } = useOf(holders, scan);
  return {
    kind: "posix-mq",
    name,
    recordName: name,
    key: undefined,
    path,
    uid: status.uid,
    mode: status.mode & 0o777,
    size: opened === undefined ? 0 : opened.attributes.maxmsg * opened.attributes.msgsize,
    attaches: undefined,
    backlog: opened && {
      messages: opened.attributes.curmsgs,
      bytes: opened.attributes.curmsgs * opened.attributes.msgsize,
    },
    creatorPid: undefined,
    lastPids: [],
    holders,
    changed: file === undefined ? 0 : Math.round(file.ctimeMs),
    use,
    notes:
      path !== undefined ? notes : [...notes, "/dev/mqueue is not mounted: only queues of this library are listed"],
  };
}

function openQueue(name: string): { status: FileStatus; attributes: MqAttributes } | undefined {
  try {
    const queue = mqOpen(name, O_RDONLY | O_NONBLOCK);
    try {
      return { status: fstat(queue), attributes: mqGetattr(queue) };
    } finally {
      close(queue);
    }
  } catch {
    return undefined; // gone, or not readable for this user
  }
}
