// runtimes: bun node20 - plain code, the same everywhere
import { test } from "uvu";
import * as assert from "uvu/assert";
import { clear, getMember, setMember } from "../../src/ffi/struct.ts";

const view = new DataView(new ArrayBuffer(64), 8, 40);

test("a member is read and written with its width and sign, and nothing beside it", () => {
  for (const size of [1, 2, 4, 8]) {
    for (const signed of [true, false]) {
      const largest = size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * size - (signed ? 1 : 0)) - 1;
      for (const value of [0, 1, largest, largest - 1, ...(signed ? [-1, -largest] : [])]) {
        new Uint8Array(view.buffer).fill(0xaa);
        const member = { offset: 8, size, signed };
        setMember(view, member, value, 4);
        assert.is(getMember(view, member, 4), value, `${size} bytes`);
        assert.is(getMember(view, { ...member, offset: 12 }), value, "base and offset add up");
        assert.is(view.getUint8(11), 0xaa);
        assert.is(view.getUint8(12 + size), 0xaa);
      }
    }
  }
});

test("the lowest byte comes first", () => {
  setMember(view, { offset: 0, size: 4, signed: false }, 0x01020304);
  assert.equal(
    [0, 1, 2, 3].map((at) => view.getUint8(at)),
    [4, 3, 2, 1],
  );
});

test("clear fills exactly the struct", () => {
  const bytes = new Uint8Array(view.buffer).fill(1);
  clear(view, 4, 2);
  assert.equal([...bytes.subarray(9, 15)], [1, 0, 0, 0, 0, 1]);
});

test.run();
