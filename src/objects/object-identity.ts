import { lstatSync } from "node:fs";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../ffi/abi/current.ts";
import { close, fstat } from "../ffi/fd.ts";
import { mqOpen } from "../ffi/mq.ts";
import { msgctlStat } from "../ffi/msg.ts";
import { semctlStat } from "../ffi/sem.ts";
import { shmctlStat } from "../ffi/shm.ts";
import type { ObjectKind } from "./object-kinds.ts";

/** The file of a POSIX object's name under `/dev/shm`, or the path itself. */
export function objectPath(kind: ObjectKind, name: string): string | undefined {
  if (kind === "posix-shm") return `/dev/shm/${name.replace(/^\//, "")}`;
  if (kind === "posix-sem") return `/dev/shm/sem.${name.replace(/^\//, "")}`;
  if (kind === "fifo" || kind === "unix-socket" || kind === "ring") return name;
  return undefined;
}

/**
 * What tells an object from a later one of the same name: device and inode of a file; key and maker of a System V object, whose id comes
 * again only after many thousands of others. The kind of file is part of it, so that a record never leads to a file of another kind.
 *
 * @returns `undefined` when there is no such object, or when it cannot be looked at
 */
export function objectIdentity(kind: ObjectKind, name: string): string | undefined {
  try {
    return look(kind, name);
  } catch {
    return undefined;
  }
}

function look(kind: ObjectKind, name: string): string | undefined {
  if (kind === "sysv-shm") {
    const { key, cuid, cpid } = shmctlStat(Number(name));
    return `${key}:${cuid}:${cpid}`;
  }
  if (kind === "sysv-msg") {
    const { key, cuid } = msgctlStat(Number(name));
    return `${key}:${cuid}`;
  }
  if (kind === "sysv-sem") {
    const { key, cuid, nsems } = semctlStat(Number(name));
    return `${key}:${cuid}:${nsems}`;
  }
  if (kind === "posix-mq") return identityOfQueue(name);
  const status = lstatSync(objectPath(kind, name) as string, { throwIfNoEntry: false, bigint: true });
  if (status === undefined) return undefined;
  const fits =
    kind === "fifo"
      ? status.isFIFO()
      : kind === "unix-socket"
        ? status.isSocket()
        : kind === "ring"
          ? status.isDirectory()
          : status.isFile();
  return fits ? `${status.dev}:${status.ino}` : undefined;
}

function identityOfQueue(name: string): string {
  let queue: number;
  try {
    queue = mqOpen(name, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") throw error;
    queue = mqOpen(name, O_WRONLY | O_NONBLOCK);
  }
  try {
    const { dev, ino } = fstat(queue);
    return `${dev}:${ino}`;
  } finally {
    close(queue);
  }
}
