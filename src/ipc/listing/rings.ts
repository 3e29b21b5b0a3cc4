import { lstatSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { objectDirectory } from "../../objects/object-directory.ts";
import { FUNNEL_END_OFFSET, FUNNEL_UNIT_BYTES } from "../../ring/funnel-layout.ts";
import { HEAD_OFFSET, KIND_KEPT, KIND_OFFSET, MAGIC, TAIL_OFFSET } from "../../ring/layout.ts";
import { SEGMENT_FILE } from "../presence-object.ts";
import type { FoundObject } from "./object-info.ts";
import { endsOf } from "./presence-ends.ts";
import { isProcessAlive } from "./process-alive.ts";
import type { ProcessScan } from "./process-scan.ts";

/** How the names of rings end in the object directory; queues have objects there too, that tell who is at their ends. */
export const RING_SUFFIX = ".ring";

/** How the names of broadcasts end there. */
export const BROADCAST_SUFFIX = ".broadcast";

/** How the names of funnels end there. */
export const FUNNEL_SUFFIX = ".funnel";

/**
 * The rings, and what belongs to the queues, in the object directory of this user; and the rings in files that a process has open, since those may
 * lie anywhere.
 */
export function rings({ segments }: Pick<ProcessScan, "segments">): FoundObject[] {
  const directory = objectDirectory();
  const named = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .flatMap(({ name }) => unlessGone(() => ring(join(directory, name))));
  const inFiles = segments
    .map((segment) => dirname(segment))
    .filter((path) => dirname(path) !== directory)
    .flatMap((path) => ringInFile(path) ?? []);
  return [...named, ...inFiles];
}

function unlessGone(look: () => FoundObject | undefined): FoundObject[] {
  try {
    const found = look();
    return found === undefined ? [] : [found];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // gone meanwhile, or no ring
    throw error;
  }
}

/** What is called a segment may be anything, and may be gone by now. */
function ringInFile(path: string): FoundObject | undefined {
  let isKept = false;
  let backlog = 0;
  let found: FoundObject | undefined;
  try {
    endsOf(path, (words) => {
      isKept = words[0] === MAGIC && words[KIND_OFFSET >> 2] === KIND_KEPT;
      backlog = backlogOf(words);
    });
    found = isKept ? ring(path) : undefined;
  } catch {
    return undefined;
  }
  const notes = ["in a file, and stays when nobody has it open"];
  return found && { ...found, name: path, backlog: { messages: undefined, bytes: backlog }, notes };
}

function backlogOf(words: Int32Array): number {
  return ((words[HEAD_OFFSET >> 2] ?? 0) - (words[TAIL_OFFSET >> 2] ?? 0)) >>> 0;
}

function funnelBacklogOf(words: Int32Array): number {
  return (((words[FUNNEL_END_OFFSET >> 2] ?? 0) - (words[TAIL_OFFSET >> 2] ?? 0)) >>> 0) * FUNNEL_UNIT_BYTES;
}

const QUEUE_NOTE = "tells who is at the ends of a message queue";
const FUNNEL_NOTE = "a funnel; of its senders, only the one that came last is told";
const BROADCAST_NOTE = "a broadcast; of its receivers, only the one that came last is told";

function ring(path: string): FoundObject | undefined {
  const segment = lstatSync(join(path, SEGMENT_FILE), { throwIfNoEntry: false });
  if (segment === undefined || !lstatSync(path).isDirectory()) return undefined;
  let backlog = 0;
  const isFunnel = path.endsWith(FUNNEL_SUFFIX);
  const ends = endsOf(path, (words) => {
    backlog = isFunnel ? funnelBacklogOf(words) : backlogOf(words);
  });
  const held = ends.filter((end) => end.held);
  const name = basename(path);
  const isRing = name.endsWith(RING_SUFFIX);
  const isBroadcast = name.endsWith(BROADCAST_SUFFIX);
  return {
    kind: "ring",
    name: isRing ? name.slice(0, -RING_SUFFIX.length) : name,
    recordName: path,
    key: undefined,
    path,
    uid: segment.uid,
    mode: segment.mode & 0o777,
    size: segment.size,
    attaches: undefined,
    backlog: isRing || isFunnel ? { messages: undefined, bytes: backlog } : undefined,
    creatorPid: undefined,
    lastPids: ends
      .filter(({ pid }) => pid > 0)
      .map(({ side, pid, held }) => ({ pid, role: side, alive: held || isProcessAlive(pid) })),
    holders: held.map(({ pid }) => pid),
    changed: Math.round(segment.ctimeMs),
    use: held.length > 0 ? "held" : "free",
    notes: isRing ? [] : [isFunnel ? FUNNEL_NOTE : isBroadcast ? BROADCAST_NOTE : QUEUE_NOTE],
  };
}
