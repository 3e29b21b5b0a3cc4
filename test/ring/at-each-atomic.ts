/**
 * Enumerates the interleavings of a call with one whole step of somebody else: `step` runs directly before or directly after
 * the k-th atomic access of `call`, for each k in turn, and at last after all of them. `prepare` makes a new world each time,
 * and `check` looks at it.
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
    const visit = () => {
      if (count++ !== k) return;
      reached = true;
      step(world);
    };
    withAtomics(visit, visit, () => call(world));
    if (!reached) step(world);
    check(world, reached ? `${k % 2 === 0 ? "before" : "after"} atomic access ${k >> 1}` : "after the call");
    if (!reached) return k + 1;
  }
}

/** What a process that is killed does: nothing more. */
export class Killed extends Error {}

/**
 * Ends a call directly before or after its k-th atomic access, for each k in turn, and at last not at all.
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
    const visit = () => {
      if (count++ >= k) throw new Killed();
    };
    const killed = withAtomics(visit, visit, () => {
      try {
        call(world);
      } catch (error) {
        if (error instanceof Killed) return true;
        throw error;
      }
      return false;
    });
    check(world, killed ? `killed ${k % 2 === 0 ? "before" : "after"} atomic access ${k >> 1}` : "not killed");
    if (!killed) return k + 1;
  }
}

const NAMES = ["load", "store", "exchange"] as const;

/** Runs `call`, with `before` and `after` around each atomic access, except around those that they make themselves. */
function withAtomics<Result>(before: () => void, after: () => void, call: () => Result): Result {
  const originals = NAMES.map((name) => Atomics[name] as (...values: unknown[]) => unknown);
  let inside = false;
  const visit = (visitor: () => void) => {
    if (inside) return;
    inside = true;
    try {
      visitor();
    } finally {
      inside = false;
    }
  };
  originals.forEach((original, i) => {
    Reflect.set(Atomics, NAMES[i] as string, (...values: unknown[]) => {
      visit(before);
      const result = original(...values);
      visit(after);
      return result;
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
