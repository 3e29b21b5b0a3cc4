import { IpcError } from "../errors.ts";
import { fstat } from "../ffi/fd.ts";
import { pageSize } from "../ffi/sysconf.ts";
import { mapMirrored, type Region } from "../memory/region.ts";
import { capacityOfSize, headerBytesOf } from "../ring/header-bytes.ts";
import { KIND_SPSC } from "../ring/layout.ts";
import { type RingKind, validateHeader } from "../ring/validate-header.ts";

/**
 * Maps an open segment, header and mirrored data, after checking that its size and its header agree.
 *
 * @throws {IpcError} `IPC_CORRUPT` when they do not; `IPC_LIMIT` when the arena is full
 */
export function mapSegment(segment: number, address: string, kind: RingKind = KIND_SPSC): Region {
  const { size } = fstat(segment);
  // the size is the kernel's word, so the mapping never reaches past the end
  const capacity = capacityOfSize(kind, size, pageSize());
  if (capacity === undefined) {
    throw new IpcError(
      "IPC_CORRUPT",
      `Cannot open ${address}: its segment has ${size} bytes, a header of ${pageSize()} and a power of two would be right`,
    );
  }
  const headerBytes = headerBytesOf(kind, capacity, pageSize());
  const region = mapMirrored(segment, headerBytes, capacity);
  try {
    const found = validateHeader({ words: region.arena.words, offset: region.offset, name: address }, size, kind);
    if (found.headerBytes !== headerBytes || found.capacity !== capacity) {
      throw new IpcError(
        "IPC_CORRUPT",
        `Cannot open ${address}: its header names ${found.headerBytes} + ${found.capacity} bytes, ${headerBytes} + ${capacity} would be right`,
      );
    }
    return region;
  } catch (error) {
    region.close();
    throw error;
  }
}
