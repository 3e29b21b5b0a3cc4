import { randomBytes } from "node:crypto";
import { readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { domainError } from "../error-table.ts";
import { getpid } from "../ffi/ids.ts";
import { kill } from "../ffi/signal.ts";
import { objectDirectory, objectDirectoryPath } from "../objects/object-directory.ts";
import {
  CONSUMER_STATE_OFFSET,
  FROM_STATE_TO_PID,
  FROM_STATE_TO_SESSIONS,
  PRODUCER_STATE_OFFSET,
  SEGMENT_REMOVED,
  SEGMENT_STATE_OFFSET,
} from "../ring/layout.ts";
import type { Side } from "./link.ts";

/*
 * How a presence lies on disk, and how it goes. What the files are for is told in `presence.ts`.
 */

/** The file with the header and the data. */
export const SEGMENT_FILE = "segment";

/** Byte of `segment` whose lock serialises attaching, detaching and removing. Bytes 0 and 1 are the roles'. */
export const SETUP_BYTE = 2;

/** Byte of `segment` whose lock is the role of that side. */
export function roleByte(side: Side): number {
  return side === "sender" ? 0 : 1;
}

/** The bell that wakes that side. */
export function bellFile(side: Side): string {
  return side === "sender" ? "bell-producer" : "bell-consumer";
}

export function otherSide(side: Side): Side {
  return side === "sender" ? "receiver" : "sender";
}

/** Index of the state word of that side, counted in words from the start of the segment; likewise the next two. */
export function stateWord(side: Side): number {
  return (side === "sender" ? PRODUCER_STATE_OFFSET : CONSUMER_STATE_OFFSET) >> 2;
}

export function pidWord(side: Side): number {
  return stateWord(side) + (FROM_STATE_TO_PID >> 2);
}

export function sessionsWord(side: Side): number {
  return stateWord(side) + (FROM_STATE_TO_SESSIONS >> 2);
}

/** Where the object of that name lies; a name that is an absolute path is the place itself. */
export function placeOf(name: string): string {
  return isAbsolute(name) ? name : join(objectDirectory(), name);
}

/** Where an object is built before it gets its name. The process id in it tells whether its maker still lives. */
export function temporaryPath(path: string): string {
  const directory = dirname(path);
  return join(directory, `${temporaryPrefix(directory)}${getpid()}-${randomBytes(6).toString("hex")}`);
}

/**
 * Removes the object under the setup lock, so that whoever has it open sees that it is gone, and whoever opens the name anew makes
 * another one. It vanishes from its name in one step.
 */
export function removeObject(path: string, words: Int32Array, header: number): void {
  Atomics.store(words, header + (SEGMENT_STATE_OFFSET >> 2), SEGMENT_REMOVED);
  const doomed = temporaryPath(path);
  try {
    renameSync(path, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw domainError("remove", error, `Cannot remove ${path}. Mend the permissions of the directory that it is in`);
  }
  rmSync(doomed, { recursive: true, force: true });
}

/** Removes what processes left that died while they made or removed an object. */
export function sweepTemporaries(directory: string): void {
  const prefix = temporaryPrefix(directory);
  const ours = prefix === TEMPORARY ? /^(\d+)-/ : /^(\d+)-[0-9a-f]{12}$/;
  for (const entry of readdirSync(directory)) {
    if (!entry.startsWith(prefix)) continue;
    const maker = Number(ours.exec(entry.slice(prefix.length))?.[1]);
    if (maker > 0 && !isAlive(maker)) rmSync(join(directory, basename(entry)), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

const TEMPORARY = ".tmp-";

/** In a folder of the user's, where other programs' temporary files may lie, the name says whose they are. */
function temporaryPrefix(directory: string): string {
  return directory === objectDirectoryPath() ? TEMPORARY : ".millrace-tmp-";
}
