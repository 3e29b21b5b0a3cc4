import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { O_NONBLOCK, O_RDONLY } from "../../ffi/abi/current.ts";
import { close, type FileStatus, fstat } from "../../ffi/fd.ts";
import { type MqAttributes, mqGetattr, mqOpen } from "../../ffi/mq.ts";
import type { ObjectRecord } from "../../objects/journal.ts";
import type { FoundObject } from "./object-info.ts";
import { useOf } from "./posix-files.ts";
import type { ProcessScan } from "./process-scan.ts";

const FOLDER = "/dev/mqueue";

/**
 * POSIX queues. There is no call that lists them: all are seen where `/dev/mqueue` is mounted, elsewhere only those that our journals name.
 */
export function posixQueues(records: readonly ObjectRecord[], scan: ProcessScan): FoundObject[] {
  const mounted = existsSync(FOLDER);
  const recorded = records.filter(({ kind }) => kind === "posix-mq").map(({ name }) => name);
  const names = mounted ? readdirSync(FOLDER).map((name) => `/${name}`) : [...new Set(recorded)];
  return names.flatMap((name) => posixQueue(name, mounted, scan) ?? []);
}

function posixQueue(name: string, mounted: boolean, scan: ProcessScan): FoundObject | undefined {
  const path = join(FOLDER, name.slice(1));
  const file = mounted ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
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
    path: mounted ? path : undefined,
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
    notes: mounted ? notes : [...notes, "/dev/mqueue is not mounted: only queues of this library are listed"],
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
