// Shared memory holds the data, FIFOs say when it may be touched. The memory is a few slots. A FIFO carries the numbers of the slots
// that are filled to the reader, another one those that are free back to the writer: whoever has nothing to do sleeps in a read.
//
//   writer --- slots in shared memory ---> reader
//          --- FIFO "filled" ------------>
//          <-- FIFO "free" ---------------
//
// Each slot's number is at any time in one place: in a FIFO, or with the process that may use the slot. So no slot is read while it is
// written, and none is overwritten before it was read. What was written to memory before a write(2) is there after the read(2) that got it.
//
// Run it: bun examples/textbook/paced-by-fifo.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel, SharedMemory } from "millrace";

const SLOTS = 4;
const SLOT_BYTES = 64;
const ITEMS = 2000;

if (process.argv[2] === "writer") await produce(process.argv[3] ?? "", process.argv[4] ?? "");
else await consume();

async function produce(name: string, folder: string) {
  using memory = SharedMemory.open(name);
  await using free = await Channel.receiver(`fifo:${join(folder, "free")}`, { framing: "raw" });
  const filled = await Channel.sender(`fifo:${join(folder, "filled")}`, { framing: "raw" });
  let item = 0;
  for await (const slots of free) {
    // after the last item the reader gives the last slots back, and closes
    for (const slot of slots) {
      if (item === ITEMS) break;
      const text = new TextEncoder().encode(`item ${item}`);
      memory.bytes.fill(0, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
      memory.bytes.set(text, slot * SLOT_BYTES);
      await filled.send(Uint8Array.of(slot));
      if (++item === ITEMS) await filled.close();
    }
  }
}

async function consume() {
  const folder = mkdtempSync(join(tmpdir(), "paced-by-fifo-"));
  const name = `/paced-by-fifo-${process.pid}`;
  using memory = SharedMemory.create(name, SLOTS * SLOT_BYTES);
  try {
    const filled = await Channel.receiver(`fifo:${join(folder, "filled")}`, { framing: "raw" });
    const writer = fork(import.meta.filename, ["writer", name, folder]);
    const ended = once(writer, "exit");
    const free = await Channel.sender(`fifo:${join(folder, "free")}`, { framing: "raw" });
    await free.send(Uint8Array.from({ length: SLOTS }, (_, slot) => slot));

    let item = 0;
    for await (const slots of filled) {
      for (const slot of slots) {
        const text = new TextDecoder().decode(memory.read(slot * SLOT_BYTES, SLOT_BYTES)).replace(/\0+$/, "");
        assert.equal(text, `item ${item}`);
        item++;
        await free.send(Uint8Array.of(slot));
      }
    }
    assert.equal(item, ITEMS);
    console.log(`${item} items went through ${SLOTS} slots, in their order, none overwritten`);

    await free.close();
    await filled.close();
    assert.deepEqual(await ended, [0, null]);
    memory.remove();
    assert.deepEqual(readdirSync(folder), [], "a FIFO was left");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Output:
// 2000 items went through 4 slots, in their order, none overwritten
