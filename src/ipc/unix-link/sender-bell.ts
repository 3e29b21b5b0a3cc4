/**
 * The abstract name that the sender to an abstract name holds: it keeps a second sender out, and whoever begins to listen connects to it
 * for a moment, which wakes the sender. A NUL sets it apart from every name that an address can say.
 */
export function senderBell(address: string): string {
  return `${address}\0s`;
}
