import { recommendedLibrary } from "./recommended.ts";

/**
 * Memory for the small structs that calls take and give. One is enough for a thread: a call fills it, calls C and reads the
 * answer without anything else running in between. Large enough for engines to keep it off their heaps, so it never moves.
 */
export const scratch: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(4096));

let address = 0;

/** Native address of {@link scratch}. */
export function scratchAddress(): number {
  if (address === 0) address = recommendedLibrary().address(scratch);
  return address;
}
