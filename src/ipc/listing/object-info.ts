import type { ObjectKind } from "../../objects/own.ts";

/** A process that has to do with an object. */
export interface ObjectProcess {
  /** The process id. */
  readonly pid: number;
  /** What it did, such as `sender`, `last attach`. */
  readonly role: string;
  readonly alive: boolean;
}

/** One object of this machine that outlives the process that made it. */
export interface ObjectInfo {
  /** The family. */
  readonly kind: ObjectKind;
  /**
   * What finds it within its kind: the id in decimal for System V objects, the name with its slash for POSIX ones, a ring's name, else
   * the absolute path. `objects.remove` takes kind and name.
   */
  readonly name: string;
  /** The key of a System V object, unsigned; 0 when no key finds it. */
  readonly key: number | undefined;
  /** The absolute path of what is a file. */
  readonly path: string | undefined;
  /** The owner. */
  readonly uid: number;
  /** The owner's name, or the number in decimal when it has none. */
  readonly user: string;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes that it takes, or that a queue may hold; for a semaphore array, 2 for each semaphore. */
  readonly size: number;
  /** How often a System V segment is attached. */
  readonly attaches: number | undefined;
  /** What waits in it: messages and bytes of a queue; bytes of a ring. */
  readonly backlog: { readonly messages: number | undefined; readonly bytes: number } | undefined;
  /** Who made it, where the kernel or a journal tells. */
  readonly creatorPid: number | undefined;
  /** Who used it last, as far as the kernel keeps that. */
  readonly lastPids: readonly ObjectProcess[];
  /**
   * Live processes that have it mapped or open. `undefined` when the kernel does not say; not complete when {@link ObjectInfo.notes} says
   * that some processes cannot be looked into.
   */
  readonly holders: readonly number[] | undefined;
  /** When it was made or last changed its owner or mode, in milliseconds since 1970. */
  readonly changed: number;
  /** Made through this library by a process of this user. */
  readonly ours: boolean;
  /** Ours, its process was killed, and nobody uses it: `objects.gc` would remove it. */
  readonly stale: boolean;
  /** What is not known, and why. */
  readonly notes: readonly string[];
}

/** What a family tells of its objects; the rest comes from the journals. */
export type FoundObject = Omit<ObjectInfo, "ours" | "stale" | "user"> & {
  /** As a journal names it. */
  readonly recordName: string;
  /** Whether somebody uses it, by the kernel's word. */
  readonly use: Use;
};

/** `unknown` comes with a note that says why. */
export type Use = "held" | "free" | "unknown";
