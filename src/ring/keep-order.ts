/**
 * Keeps reads in front of it before reads behind it, and writes in front of it before writes behind it: what C has
 * `atomic_thread_fence` for and JavaScript does not. It is for memory that both sides use at the same time, on purpose, and that is
 * looked at again afterwards.
 *
 * An x86-64 processor keeps both orders by itself, so it is enough to keep the compiler from moving an access: an atomic access does that,
 * here to memory of this thread's own. Elsewhere the store, a release, waits for all that comes before it, the load behind it, an
 * acquire, for the store, and all that follows for the load.
 */
export const keepOrder: () => void = process.arch === "x64" ? keepCompilerOrder : keepProcessorOrder;

function keepCompilerOrder(): void {
  Atomics.load(FENCE, 0);
}

function keepProcessorOrder(): void {
  Atomics.store(FENCE, 0, 0);
  Atomics.load(FENCE, 0);
}

const FENCE = new Int32Array(new SharedArrayBuffer(4));
