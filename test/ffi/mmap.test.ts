import { test } from "uvu";
import * as assert from "uvu/assert";
import { lazyBind } from "../../src/ffi/bind.ts";
import {
  close,
  getrlimit,
  IPC_PRIVATE,
  MADV_DONTNEED,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WILLNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  madvise,
  memfdCreate,
  mmap,
  mprotect,
  msync,
  munmap,
  O_RDONLY,
  open,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  pipe2,
  posixFallocate,
  RLIMIT_MEMLOCK,
  read,
  recommendedLibrary,
  SHM_REMAP,
  setrlimit,
  shmat,
  shmctlRemove,
  shmget,
  write,
} from "../../src/ffi/mod.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { leakCheck } from "../support/leak-check.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";

// mseal(2) has no function in the C library
const calls = lazyBind({ syscall: { parameters: ["i64", "pointer", "usize", "u64"], result: "i32" } });
const page = pageSize();
/** An address where the system maps nothing by itself. */
const NOTHING = page;
const READ_WRITE = PROT_READ | PROT_WRITE;
// JavaScript sees mappings only here
const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
const bytes = new Uint8Array(memory.buffer);
const base = recommendedLibrary().address(bytes);

function fileOf(size: number): number {
  const fd = memfdCreate("mapped");
  posixFallocate(fd, 0, size);
  return fd;
}

/** Gives a window of the memory back what it had. */
function restore(offset: number, length: number): void {
  mmap(base + offset, length, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

test("a file is mapped where one says, from the offset on, and twice is the same memory", () => {
  const fd = fileOf(3 * page);
  assert.is(mmap(base + page, 2 * page, READ_WRITE, MAP_SHARED | MAP_FIXED, fd, page), base + page);
  assert.is(mmap(base + 4 * page, page, READ_WRITE, MAP_SHARED | MAP_FIXED, fd, 2 * page), base + 4 * page);
  bytes[2 * page] = 77;
  assert.is(bytes[4 * page], 77);
  bytes[page] = 1;
  const content = new Uint8Array(page + 1);
  assert.is(read(fd, content), page + 1);
  assert.is(content[page], 1, "page 1 of the file");
  close(fd);
  assert.is(bytes[4 * page], 77, "it outlives the descriptor");
  restore(0, 5 * page);
  assert.is(bytes[2 * page], 0);
});

test("without an address the kernel chooses, and the memory is real", () => {
  const address = mmap(0, 3 * page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert.ok(Number.isSafeInteger(address) && address > 0 && address % page === 0);
  const { memset, strnlen } = recommendedLibrary().bind({
    memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
    strnlen: { parameters: ["pointer", "usize"], result: "usize" },
  });
  memset(address, 1, 2 * page);
  assert.is(strnlen(address, 3 * page), 2 * page);
  munmap(address, 3 * page);
});

test("MAP_FIXED_NOREPLACE does not replace", () => {
  const address = mmap(0, page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const again = () => mmap(address, page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  throwsSystemError(again, "EEXIST", "mmap");
  munmap(address, page);
});

test("mmap throws what the system says", () => {
  const fd = fileOf(page);
  const readOnly = open("/proc/self/exe", O_RDONLY);
  const [readEnd, writeEnd] = pipe2();
  throwsSystemError(() => mmap(0, 0, PROT_READ, MAP_SHARED, fd, 0), "EINVAL", "mmap");
  throwsSystemError(() => mmap(0, page, PROT_READ, MAP_SHARED, fd, 1), "EINVAL", "mmap");
  throwsSystemError(() => mmap(0, page, PROT_READ, 0, fd, 0), "EINVAL", "mmap");
  throwsSystemError(() => mmap(0, page, PROT_READ, MAP_SHARED, -1, 0), "EBADF", "mmap");
  throwsSystemError(() => mmap(0, page, READ_WRITE, MAP_SHARED, readOnly, 0), "EACCES", "mmap");
  throwsSystemError(() => mmap(0, page, PROT_READ, MAP_SHARED, readEnd, 0), "ENODEV", "mmap");
  throwsSystemError(() => mmap(0, 2 ** 52, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "ENOMEM", "mmap");
  for (const each of [fd, readOnly, readEnd, writeEnd]) close(each);
});

test("munmap takes pages away, and throws what the system says", () => {
  const address = mmap(0, 3 * page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // the middle one: what a thread of the runtime may map meanwhile is larger, and nobody is to lose it here
  munmap(address + page, page);
  throwsSystemError(() => madvise(address, 2 * page, MADV_WILLNEED), "ENOMEM", "madvise");
  munmap(address + page, page);
  munmap(address, page);
  munmap(address + 2 * page, page);
  throwsSystemError(() => munmap(address + 1, page), "EINVAL", "munmap");
  throwsSystemError(() => munmap(address, 0), "EINVAL", "munmap");
});

test("mprotect forbids and allows", () => {
  const [readEnd, writeEnd] = pipe2();
  mprotect(base + page, page, PROT_NONE);
  throwsSystemError(() => write(writeEnd, bytes.subarray(page, page + 1)), "EFAULT", "write");
  mprotect(base + page, page, PROT_READ);
  assert.is(write(writeEnd, bytes.subarray(page, page + 1)), 1);
  throwsSystemError(() => read(readEnd, bytes.subarray(page, page + 1)), "EFAULT", "read");
  mprotect(base + page, page, READ_WRITE);
  bytes[page] = 3;
  assert.is(bytes[page], 3);
  throwsSystemError(() => mprotect(base + 1, page, PROT_READ), "EINVAL", "mprotect");
  throwsSystemError(() => mprotect(NOTHING, page, PROT_READ), "ENOMEM", "mprotect");
  const exe = open("/proc/self/exe", O_RDONLY);
  const mapped = mmap(0, page, PROT_READ, MAP_SHARED, exe, 0);
  throwsSystemError(() => mprotect(mapped, page, READ_WRITE), "EACCES", "mprotect");
  munmap(mapped, page);
  for (const fd of [exe, readEnd, writeEnd]) close(fd);
});

test("msync writes back, and throws what the system says", () => {
  const fd = fileOf(page);
  const address = mmap(0, page, READ_WRITE, MAP_SHARED, fd, 0);
  msync(address, page, MS_SYNC);
  msync(address, page, MS_ASYNC | MS_INVALIDATE);
  throwsSystemError(() => msync(address, page, MS_SYNC | MS_ASYNC), "EINVAL", "msync");
  throwsSystemError(() => msync(address + 1, page, MS_SYNC), "EINVAL", "msync");
  munmap(address, page);
  throwsSystemError(() => msync(NOTHING, page, MS_SYNC), "ENOMEM", "msync");
  close(fd);
});

test("madvise does what it is told, and throws what the system says", () => {
  bytes[page] = 5;
  bytes[2 * page] = 6;
  restore(page, page);
  bytes[page] = 5;
  madvise(base + page, page, MADV_DONTNEED);
  assert.equal([bytes[page], bytes[2 * page]], [0, 6]);
  bytes[2 * page] = 0;
  madvise(base, 4 * page, MADV_POPULATE_WRITE);
  throwsSystemError(() => madvise(base + 1, page, MADV_DONTNEED), "EINVAL", "madvise");
  throwsSystemError(() => madvise(base, page, 12345), "EINVAL", "madvise");
  const own = mmap(0, page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  throwsSystemError(() => madvise(own, page, MADV_REMOVE), "EINVAL", "madvise");
  munmap(own, page);
  const short = memfdCreate("short");
  const beyond = mmap(0, page, READ_WRITE, MAP_SHARED, short, 0);
  throwsSystemError(() => madvise(beyond, page, MADV_POPULATE_WRITE), "EFAULT", "madvise");
  munmap(beyond, page);
  close(short);
});

test("locked memory stays as it is, and has a limit", () => {
  const locked = mmap(0, page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  throwsSystemError(() => msync(locked, page, MS_INVALIDATE), "EBUSY", "msync");
  munmap(locked, page);
  if (!isRoot()) return skip("EAGAIN needs root, to become another user");
  const limit = getrlimit(RLIMIT_MEMLOCK);
  setrlimit(RLIMIT_MEMLOCK, { soft: page, hard: limit.hard });
  const tooMuch = () => mmap(0, 256 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  throwsSystemError(() => asNobody(tooMuch), "EAGAIN", "mmap");
  setrlimit(RLIMIT_MEMLOCK, limit);
});

test("MADV_REMOVE takes a mapping that is shared", () => {
  const fd = fileOf(page);
  const address = mmap(0, page, READ_WRITE, MAP_PRIVATE, fd, 0);
  throwsSystemError(() => madvise(address, page, MADV_REMOVE), "EACCES", "madvise");
  munmap(address, page);
  close(fd);
});

test("sealed memory stays as it is", () => {
  const address = mmap(0, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // mseal(2); the page stays, for nothing takes it away before the process ends
  if (calls().syscall(462, address, page, 0) !== 0) {
    munmap(address, page);
    return skip("a kernel before 6.10 has no mseal(2)");
  }
  const again = () => mmap(address, page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  throwsSystemError(again, "EPERM", "mmap");
  throwsSystemError(() => munmap(address, page), "EPERM", "munmap");
  throwsSystemError(() => mprotect(address, page, READ_WRITE), "EPERM", "mprotect");
  throwsSystemError(() => madvise(address, page, MADV_DONTNEED), "EPERM", "madvise");
  const segment = shmget(IPC_PRIVATE, 1, 0o600);
  throwsSystemError(() => shmat(segment, address, SHM_REMAP), "EPERM", "shmat");
  shmctlRemove(segment);
});

test("misuse is refused before the call", () => {
  for (const address of [-1, 0.5, 2 ** 53, Number.NaN]) {
    const calls = [
      () => mmap(address, page, PROT_READ, MAP_SHARED, -1, 0),
      () => munmap(address, page),
      () => mprotect(address, page, PROT_READ),
      () => msync(address, page, MS_SYNC),
      () => madvise(address, page, MADV_WILLNEED),
    ];
    for (const call of calls)
      assert.throws(call, (error: Error) => error instanceof RangeError && error.message.includes("address"));
  }
  assert.throws(
    () => munmap(0n as unknown as number, page),
    (error: unknown) => error instanceof TypeError,
  );
  assert.throws(() => mmap(0, -1, PROT_READ, MAP_SHARED, -1, 0), /length is -1/);
  assert.throws(() => mmap(0, page, 2 ** 31, MAP_SHARED, -1, 0), /prot/);
  assert.throws(() => mmap(0, page, PROT_READ, MAP_SHARED, -1, 0.5), /offset/);
});

leakCheck(test);
test.run();
