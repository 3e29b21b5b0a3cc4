/**
 * Tells the processor that this thread looks at a word in a loop: for a moment it looks less often, so that the other side can write the
 * word without a fight for its cache line. About 30 ns where the engine has `Atomics.pause` (Bun, Deno, Node 25 and newer), else nothing.
 *
 * @see https://tc39.es/ecma262/#sec-atomics.pause
 */
export const spinHint: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});
