/** To three digits, as many as a reader can use. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
