import { existsSync, readFileSync } from "node:fs";
import { presenceName } from "../sysv-link/queue-key.ts";
import type { FoundObject } from "./object-info.ts";
import { endsOf } from "./presence-ends.ts";
import { processesOf } from "./process-alive.ts";

/**
 * System V message queues, from `/proc/sysvipc/msg`, which names also those that this user may not read. The kernel does not tell who waits
 * for one; of a queue of a channel the ends are known.
 */
export function sysvQueues(): FoundObject[] {
  if (!existsSync("/proc/sysvipc/msg")) return [];
  const [head = "", ...lines] = readFileSync("/proc/sysvipc/msg", "utf8").trimEnd().split("\n");
  const names = head.trim().split(/\s+/);
  return lines.map((line) => {
    const values = line.trim().split(/\s+/);
    return toObject((name) => values[names.indexOf(name)] ?? "0");
  });
}

function toObject(text: (name: string) => string): FoundObject {
  const value = (name: string) => Number(text(name));
  const name = text("msqid");
  const key = value("key") >>> 0;
  const lastPids = processesOf([
    ["last send", value("lspid")],
    ["last receive", value("lrpid")],
  ]);
  const ends = key === 0 ? [] : endsOf(presenceName(key));
  const held = ends.some((end) => end.held);
  const used = lastPids.some(({ alive }) => alive);
  return {
    kind: "sysv-msg",
    name,
    recordName: name,
    key,
    path: undefined,
    uid: value("uid"),
    mode: Number.parseInt(text("perms"), 8) & 0o777,
    size: value("cbytes"),
    attaches: undefined,
    backlog: { messages: value("qnum"), bytes: value("cbytes") },
    creatorPid: undefined,
    lastPids,
    holders: held ? ends.filter((end) => end.held).map((end) => end.pid) : undefined,
    changed: value("ctime") * 1000,
    use: held ? "held" : used ? "unknown" : "free",
    notes: used && !held ? ["a process that used it lives, and may use it again"] : [],
  };
}
