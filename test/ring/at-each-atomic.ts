/**
 * Enumerates the interleavings of a call with one whole step of somebody else: `step` runs directly before the k-th atomic
 * access of `call`, for each k in turn, and at last after all of them. `prepare` makes a new world each time, and `check`
 * looks at it.
 *
 * Plain accesses are not points of their own: between two atomic accesses, the order in which they become visible does not
 * matter to a correct protocol.
 *
 * @returns how many interleavings there were
 */
export function atEachAtomic<World>(
  prepare: () => World,
  call: (world: World) => void,
  step: (world: World) => void,
  check: (world: World, point: string) => void,
): number {
  for (let k = 0; ; k++) {
    const world = prepare();
    let count = 0;
    let reached = false;
    withAtomics(
      () => {
        if (count++ !== k) return;
        reached = true;
        step(world);
      },
      () => call(world),
    );
    if (!reached) step(world);
    check(world, reached ? `before atomic access ${k}` : "after the call");
    if (!reached) return k + 1;
  }
}

/** What a process that is killed does: nothing more. */
export class Killed extends Error {}

/**
 * Ends a call directly before its k-th atomic access, for each k in turn, and at last not at all.
 *
 * @returns how many points there were
 */
export function killAtEachAtomic<World>(
  prepare: () => World,
  call: (world: World) => void,
  check: (world: World, point: string) => void,
): number {
  for (let k = 0; ; k++) {
    const world = prepare();
    let count = 0;
    const killed = withAtomics(
      () => {
        if (count++ >= k) throw new Killed();
      },
      () => {
        try {
          call(world);
        } catch (error) {
          if (error instanceof Killed) return true;
          throw error;
        }
        return false;
      },
    );
    check(world, killed ? `killed before atomic access ${k}` : "not killed");
    if (!killed) return k + 1;
  }
}

const NAMES = ["load", "store", "exchange"] as const;

/** Runs `call`, with `before` ahead of each atomic access, except of those that `before` makes itself. */
function withAtomics<Result>(before: () => void, call: () => Result): Result {
  const originals = NAMES.map((name) => Atomics[name] as (...values: unknown[]) => unknown);
  let inside = false;
  originals.forEach((original, i) => {
    Reflect.set(Atomics, NAMES[i] as string, (...values: unknown[]) => {
      if (!inside) {
        inside = true;
        try {
          before();
        } finally {
          inside = false;
        }
      }
      return original(...values);
    });
  });
  try {
    return call();
  } finally {
    originals.forEach((original, i) => {
      Reflect.set(Atomics, NAMES[i] as string, original);
    });
  }
}
