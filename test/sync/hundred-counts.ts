/** What the hundred processes of hundred-processes.test.ts count under: where the count is, in bytes, and the semaphore of the start. */
export const COUNTS = {
  none: { at: 2048, start: 1 },
  mutex: { at: 2112, start: 2 },
  semaphore: { at: 2176, start: 3 },
  array: { at: 2240, start: 4 },
} as const;
