import type { ObjectInfo } from "../../ipc/listing/object-info.ts";
import { formatBytes } from "../format-bytes.ts";
import { renderTable } from "../render-table.ts";

/** Objects for people, and the notes below. */
export function renderObjects(objects: readonly ObjectInfo[]): string {
  if (objects.length === 0) return "There are none\n";
  const table = renderTable(
    [
      { name: "kind" },
      { name: "name", shrink: true },
      { name: "key" },
      { name: "owner" },
      { name: "mode" },
      { name: "size", right: true },
      { name: "used by", shrink: true },
      { name: "state" },
    ],
    objects.map((object) => [
      object.kind,
      object.name,
      object.key ? `0x${object.key.toString(16).padStart(8, "0")}` : "",
      object.user,
      object.mode.toString(8).padStart(3, "0"),
      formatBytes(object.size),
      usedBy(object),
      object.stale ? "stale" : object.ours ? "ours" : "",
    ]),
  );
  const notes = objects.flatMap(({ kind, name, notes }) => notes.map((note) => `${kind} ${name}: ${note}\n`));
  return `${table}${notes.join("")}`;
}

function usedBy({ holders, attaches, lastPids, backlog }: ObjectInfo): string {
  const parts: string[] = [];
  if (holders !== undefined && holders.length > 0) parts.push(holders.join(" "));
  if (attaches !== undefined && attaches > 0) parts.push(`${attaches} attached`);
  if (holders === undefined || holders.length === 0) {
    const alive = lastPids.filter((process) => process.alive).map(({ pid }) => pid);
    if (alive.length > 0) parts.push(`last ${[...new Set(alive)].join(" ")}`);
  }
  if (backlog?.messages) parts.push(`${backlog.messages} messages`);
  else if (backlog?.bytes) parts.push(`${formatBytes(backlog.bytes)} wait`);
  return parts.join(", ");
}
