/** Gigabytes (10^9 bytes) per second; 0 for no bytes or no time. */
export function gbPerSecond(bytes: number, seconds: number): number {
  return seconds > 0 ? bytes / seconds / 1e9 : 0;
}
