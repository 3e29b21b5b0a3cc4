/** The kinds of objects that outlive the process that made them. */
export type ObjectKind =
  | "sysv-shm"
  | "sysv-msg"
  | "sysv-sem"
  | "posix-shm"
  | "posix-sem"
  | "posix-mq"
  | "fifo"
  | "unix-socket"
  | "ring";

/** That an object is this process's to remove, from {@link own}. */
export interface Ownership {
  /** The object was removed, or shall stay: it is nobody's from now on. Idempotent. */
  release(): void;
}

/**
 * Notes that this process made an object, so that it is removed when the process ends without having removed it.
 *
 * @param kind which family it belongs to
 * @param name what finds it again: the id in decimal for System V objects, the name with its slash for POSIX ones, else the absolute path
 * @param remove removes the object, if it is still the one that was made; it must not throw when the object is gone
 */
export function own(kind: ObjectKind, name: string, remove: () => void): Ownership {
  const object = { kind, name, remove };
  owned.add(object);
  return {
    release() {
      owned.delete(object);
    },
  };
}

const owned = new Set<{ readonly kind: ObjectKind; readonly name: string; readonly remove: () => void }>();
