let count = 0;

/** A name that no other test uses. */
export function uniqueName(prefix = "test"): string {
  return `${prefix}-${process.pid}-${++count}`;
}
