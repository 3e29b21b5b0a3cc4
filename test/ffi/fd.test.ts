import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lazyBind } from "../../src/ffi/bind.ts";
import {
  addSeals,
  close,
  dup,
  dup3,
  eventfd,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  F_SETLEASE,
  F_SETSIG,
  F_WRLCK,
  FD_CLOEXEC,
  fstat,
  ftruncate,
  getDescriptorFlags,
  getStatusFlags,
  MFD_ALLOW_SEALING,
  memfdCreate,
  mkfifo,
  mprotect,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  open,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  pipe2,
  posixFallocate,
  read,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  SIGURG,
  SOCK_DGRAM,
  setPipeSize,
  socket,
  WOULD_BLOCK,
  write,
} from "../../src/ffi/mod.ts";
import { recommendedLibrary } from "../../src/ffi/recommended.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueName } from "../support/unique-name.ts";

// fcntl(2) is variadic in C; on Linux, x86-64 and arm64, that makes no difference to the call
const fcntl = lazyBind({ fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" } });

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "fd-"));
});
test.after(() => rmSync(folder, { recursive: true }));

test("open makes a file, with the mode less the umask, closed in children", () => {
  const path = join(folder, "made");
  const umask = process.umask(0o027);
  const fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0o666);
  process.umask(umask);
  assert.is(statSync(path).mode & 0o777, 0o640);
  assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
  assert.is(getStatusFlags(fd) & O_ACCMODE, O_RDWR);
  close(fd);
  const secret = open(join(folder, "secret"), O_WRONLY | O_CREAT);
  assert.is(fstat(secret).mode & 0o077, 0, "for the owner only by default");
  close(secret);
});

test("open takes flags and names as they are", () => {
  const path = join(folder, "Grüße 你好 😀");
  writeFileSync(path, "old");
  const fd = open(path, O_WRONLY | O_APPEND);
  assert.is(write(fd, new TextEncoder().encode(" and new")), 8);
  close(fd);
  assert.is(readFileSync(path, "utf8"), "old and new");
  close(open(path, O_WRONLY | O_TRUNC));
  assert.is(statSync(path).size, 0);
  const descriptor = open(folder, O_RDONLY | O_DIRECTORY);
  assert.is(readlinkSync(`/proc/self/fd/${descriptor}`), folder);
  close(descriptor);
});

test("open throws what the system says, with the path", () => {
  const file = join(folder, "file");
  writeFileSync(file, "x");
  const link = join(folder, "link");
  symlinkSync(file, link);
  const circle = join(folder, "circle");
  symlinkSync(circle, circle);
  const fifo = join(folder, "fifo");
  mkfifo(fifo);
  const missing = join(folder, "missing");
  const long = join(folder, "x".repeat(256));
  const cases: [code: string, path: string, flags: number][] = [
    ["ENOENT", missing, O_RDONLY],
    ["ENOENT", join(missing, "deep"), O_RDWR | O_CREAT],
    ["ENOENT", "", O_RDONLY],
    ["EEXIST", file, O_RDWR | O_CREAT | O_EXCL],
    ["EISDIR", folder, O_RDWR],
    ["ENOTDIR", join(file, "below"), O_RDONLY],
    ["ENOTDIR", file, O_RDONLY | O_DIRECTORY],
    ["ELOOP", link, O_RDONLY | O_NOFOLLOW],
    ["ELOOP", circle, O_RDONLY],
    ["ENAMETOOLONG", long, O_RDONLY],
    ["ENXIO", fifo, O_WRONLY | O_NONBLOCK],
    ["EINVAL", folder, O_RDONLY | O_TMPFILE],
  ];
  for (const [code, path, flags] of cases) throwsSystemError(() => open(path, flags), code, "open", path);
});

test(
  "open of a running program for writing is ETXTBSY",
  deadline(30_000, async () => {
    const program = join(folder, "program");
    copyFileSync("/bin/sleep", program);
    const child = spawn(program, ["1000"], { stdio: "ignore" });
    await once(child, "spawn");
    throwsSystemError(() => open(program, O_WRONLY), "ETXTBSY", "open", program);
    child.kill();
    await once(child, "exit");
  }),
);

test("open without permission is EACCES", () => {
  if (process.getuid?.() === 0) return skip("root may open everything");
  const path = join(folder, "forbidden");
  writeFileSync(path, "");
  chmodSync(path, 0);
  throwsSystemError(() => open(path, O_RDONLY), "EACCES", "open", path);
});

test("what another user may not open", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const path = join("/dev/shm", uniqueName("forbidden"));
  close(open(path, O_RDWR | O_CREAT | O_EXCL, 0o600));
  throwsSystemError(() => asNobody(() => open(path, O_RDONLY)), "EACCES", "open", path);
  chmodSync(path, 0o644);
  close(asNobody(() => open(path, O_RDONLY)));
  throwsSystemError(() => asNobody(() => open(path, O_RDONLY | O_NOATIME)), "EPERM", "open", path);
  rmSync(path);
});

test("open of a file that somebody has a lease on would block", () => {
  const path = join(folder, "leased");
  const holder = open(path, O_RDWR | O_CREAT);
  // the signal that tells the holder is SIGIO else, which would end the process
  assert.is(fcntl().fcntl(holder, F_SETSIG, SIGURG), 0);
  assert.is(fcntl().fcntl(holder, F_SETLEASE, F_WRLCK), 0);
  throwsSystemError(() => open(path, O_RDONLY | O_NONBLOCK), "EAGAIN", "open", path);
  close(holder);
  close(open(path, O_RDONLY | O_NONBLOCK));
});

test("what has no files without names, and no memory, says so", () => {
  throwsSystemError(() => open("/proc", O_RDWR | O_TMPFILE), "ENOTSUP", "open", "/proc");
  const memory = open("/proc/self/mem", O_WRONLY);
  throwsSystemError(() => write(memory, new Uint8Array(1)), "EIO", "write");
  close(memory);
  const datagrams = socket(SOCK_DGRAM);
  throwsSystemError(() => write(datagrams, new Uint8Array(1)), "ENOTCONN", "write");
  close(datagrams);
});

test("a descriptor is used up by close", () => {
  const fd = open("/dev/null", O_RDWR);
  close(fd);
  throwsSystemError(() => close(fd), "EBADF", "close");
  throwsSystemError(() => close(-1), "EBADF", "close");
});

test("read and write move bytes, and 0 is the end", () => {
  const [readEnd, writeEnd] = pipe2();
  assert.is(write(writeEnd, new Uint8Array([1, 2, 3, 4, 5])), 5);
  const bytes = new Uint8Array(3);
  assert.is(read(readEnd, bytes), 3);
  assert.equal([...bytes], [1, 2, 3]);
  assert.is(read(readEnd, bytes), 2);
  assert.equal([...bytes], [4, 5, 3]);
  close(writeEnd);
  assert.is(read(readEnd, bytes), 0);
  close(readEnd);
});

test("read and write take any view, and exactly its part", () => {
  const [readEnd, writeEnd] = pipe2();
  const shared = new SharedArrayBuffer(32);
  new Uint8Array(shared).set([9, 8, 7, 6, 5, 4, 3, 2, 1], 8);
  assert.is(write(writeEnd, new DataView(shared, 9, 3)), 3);
  assert.is(write(writeEnd, new Uint16Array(shared, 12, 2)), 4);
  assert.is(write(writeEnd, new Uint8Array(shared, 8, 0)), 0);
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const bytes = new Uint8Array(wasm.buffer, 0, 40).fill(255);
  assert.is(read(readEnd, new BigInt64Array(wasm.buffer, 8, 1)), 7);
  assert.equal([...bytes.subarray(7, 16)], [255, 8, 7, 6, 5, 4, 3, 2, 255]);
  assert.is(read(readEnd, new Uint8Array(0)), 0);
  close(readEnd);
  close(writeEnd);
});

test("a non-blocking descriptor says WOULD_BLOCK when it is empty or full", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  const bytes = new Uint8Array(10_000);
  assert.is(read(readEnd, bytes), WOULD_BLOCK);
  setPipeSize(writeEnd, pageSize());
  assert.is(write(writeEnd, bytes), pageSize(), "what fits");
  assert.is(write(writeEnd, bytes), WOULD_BLOCK);
  assert.is(write(writeEnd, bytes.subarray(0, 1)), WOULD_BLOCK);
  assert.is(read(readEnd, bytes), pageSize());
  assert.is(read(readEnd, bytes), WOULD_BLOCK);
  close(readEnd);
  close(writeEnd);
});

test("read throws what the system says", () => {
  const [readEnd, writeEnd] = pipe2();
  const directory = open(folder, O_RDONLY);
  const counter = eventfd(1);
  const memory = open("/proc/self/mem", O_RDONLY);
  const bytes = new Uint8Array(4);
  throwsSystemError(() => read(-1, bytes), "EBADF", "read");
  throwsSystemError(() => read(writeEnd, bytes), "EBADF", "read");
  throwsSystemError(() => read(directory, bytes), "EISDIR", "read");
  throwsSystemError(() => read(counter, bytes), "EINVAL", "read");
  throwsSystemError(() => read(memory, bytes), "EIO", "read");
  for (const fd of [readEnd, writeEnd, directory, counter, memory]) close(fd);
});

test("write throws what the system says", () => {
  const [readEnd, writeEnd] = pipe2();
  const full = open("/dev/full", O_WRONLY);
  const counter = eventfd();
  const sealed = memfdCreate("sealed", MFD_ALLOW_SEALING);
  addSeals(sealed, F_SEAL_WRITE);
  const bytes = new Uint8Array(4);
  throwsSystemError(() => write(-1, bytes), "EBADF", "write");
  throwsSystemError(() => write(readEnd, bytes), "EBADF", "write");
  throwsSystemError(() => write(full, bytes), "ENOSPC", "write");
  throwsSystemError(() => write(counter, bytes), "EINVAL", "write");
  throwsSystemError(() => write(sealed, bytes), "EPERM", "write");
  close(readEnd);
  throwsSystemError(() => write(writeEnd, bytes), "EPIPE", "write");
  for (const fd of [writeEnd, full, counter, sealed]) close(fd);
});

test("memory that may not be touched is EFAULT, not the end of the process", () => {
  const page = pageSize();
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const address = recommendedLibrary().address(new Uint8Array(memory.buffer));
  const [readEnd, writeEnd] = pipe2();
  const forbidden = new Uint8Array(memory.buffer, page, 8);
  write(writeEnd, new Uint8Array(8));
  mprotect(address + page, page, PROT_NONE);
  throwsSystemError(() => write(writeEnd, forbidden), "EFAULT", "write");
  throwsSystemError(() => read(readEnd, forbidden), "EFAULT", "read");
  mprotect(address + page, page, PROT_READ | PROT_WRITE);
  assert.is(write(writeEnd, forbidden), 8);
  close(readEnd);
  close(writeEnd);
});

test("pipe2 gives two descriptors that are closed in children, with the flags", () => {
  const [readEnd, writeEnd] = pipe2(O_NONBLOCK);
  for (const fd of [readEnd, writeEnd]) {
    assert.is(getDescriptorFlags(fd), FD_CLOEXEC);
    assert.is(getStatusFlags(fd) & O_NONBLOCK, O_NONBLOCK);
    assert.is(fstat(fd).mode & S_IFMT, S_IFIFO);
  }
  assert.is(getStatusFlags(readEnd) & O_ACCMODE, O_RDONLY);
  assert.is(getStatusFlags(writeEnd) & O_ACCMODE, O_WRONLY);
  close(readEnd);
  close(writeEnd);
  throwsSystemError(() => pipe2(O_CREAT), "EINVAL", "pipe2");
});

test("dup3 puts a descriptor in another's place", () => {
  const [readEnd, writeEnd] = pipe2();
  const place = open("/dev/null", O_RDWR);
  dup3(writeEnd, place);
  assert.is(getDescriptorFlags(place), 0, "children get it");
  dup3(writeEnd, place, O_CLOEXEC);
  assert.is(getDescriptorFlags(place), FD_CLOEXEC);
  write(place, new Uint8Array([5]));
  const bytes = new Uint8Array(1);
  assert.is(read(readEnd, bytes), 1);
  assert.is(bytes[0], 5);
  throwsSystemError(() => dup3(place, place), "EINVAL", "dup3");
  throwsSystemError(() => dup3(place, readEnd, O_CREAT), "EINVAL", "dup3");
  throwsSystemError(() => dup3(-1, place), "EBADF", "dup3");
  throwsSystemError(() => dup3(place, 2 ** 30), "EBADF", "dup3");
  for (const fd of [readEnd, writeEnd, place]) close(fd);
});

test("ftruncate sets the size, also a large one", () => {
  const fd = memfdCreate("sized");
  for (const size of [5, 0, 2 ** 32 + 3, 2 ** 45]) {
    ftruncate(fd, size);
    assert.is(fstat(fd).size, size);
  }
  close(fd);
});

test("ftruncate throws what the system says", () => {
  const [readEnd, writeEnd] = pipe2();
  const sealed = memfdCreate("sealed", MFD_ALLOW_SEALING);
  const readOnly = open("/proc/self/exe", O_RDONLY);
  throwsSystemError(() => ftruncate(sealed, -1), "EINVAL", "ftruncate");
  ftruncate(sealed, 100);
  addSeals(sealed, F_SEAL_SHRINK | F_SEAL_GROW);
  throwsSystemError(() => ftruncate(sealed, 99), "EPERM", "ftruncate");
  throwsSystemError(() => ftruncate(sealed, 101), "EPERM", "ftruncate");
  throwsSystemError(() => ftruncate(-1, 0), "EBADF", "ftruncate");
  throwsSystemError(() => ftruncate(writeEnd, 0), "EINVAL", "ftruncate");
  throwsSystemError(() => ftruncate(readOnly, 0), "EINVAL", "ftruncate");
  for (const fd of [readEnd, writeEnd, sealed, readOnly]) close(fd);
});

test("posixFallocate takes the space, and keeps the data", () => {
  const path = join(folder, "allocated");
  writeFileSync(path, "data");
  const fd = open(path, O_RDWR);
  posixFallocate(fd, 0, 3 * 4096);
  assert.is(fstat(fd).size, 3 * 4096);
  assert.ok(statSync(path).blocks * 512 >= 3 * 4096);
  assert.is(readFileSync(path, "utf8").slice(0, 5), "data\0");
  posixFallocate(fd, 0, 1);
  assert.is(fstat(fd).size, 3 * 4096, "it never shrinks");
  close(fd);
});

test("posixFallocate throws what it returns", () => {
  const [readEnd, writeEnd] = pipe2();
  const nothing = open("/dev/null", O_RDWR);
  const sealed = memfdCreate("sealed", MFD_ALLOW_SEALING);
  const memory = memfdCreate("memory");
  const readOnly = open("/proc/self/exe", O_RDONLY);
  addSeals(sealed, F_SEAL_GROW);
  throwsSystemError(() => posixFallocate(-1, 0, 1), "EBADF", "posix_fallocate");
  throwsSystemError(() => posixFallocate(readOnly, 0, 1), "EBADF", "posix_fallocate");
  throwsSystemError(() => posixFallocate(memory, 0, 0), "EINVAL", "posix_fallocate");
  throwsSystemError(() => posixFallocate(memory, -1, 1), "EINVAL", "posix_fallocate");
  throwsSystemError(() => posixFallocate(writeEnd, 0, 1), "ESPIPE", "posix_fallocate");
  throwsSystemError(() => posixFallocate(nothing, 0, 1), "ENODEV", "posix_fallocate");
  throwsSystemError(() => posixFallocate(sealed, 0, 1), "EPERM", "posix_fallocate");
  for (const fd of [readEnd, writeEnd, nothing, sealed, memory, readOnly]) close(fd);
});

test("more than the memory file system has is ENOSPC at once", () => {
  const path = join("/dev/shm", `millrace-fd-test-${process.pid}`);
  const fd = open(path, O_RDWR | O_CREAT | O_EXCL);
  rmSync(path);
  throwsSystemError(() => posixFallocate(fd, 0, 2 ** 50), "ENOSPC", "posix_fallocate");
  close(fd);
});

test("fstat says what node:fs says", () => {
  const path = join(folder, "status");
  writeFileSync(path, "twelve bytes");
  linkSync(path, `${path}-too`);
  chmodSync(path, 0o604);
  const fd = open(path, O_RDONLY);
  const { dev, ino, mode, nlink, uid, gid, size } = statSync(path);
  assert.equal(fstat(fd), { dev, ino, mode, nlink, uid, gid, size });
  assert.is(nlink, 2);
  assert.is(mode & S_IFMT, S_IFREG);
  rmSync(path);
  rmSync(`${path}-too`);
  assert.is(fstat(fd).nlink, 0);
  close(fd);
  throwsSystemError(() => fstat(fd), "EBADF", "fstat");
});

test("a descriptor of ours is one of the process", () => {
  const fd = open("/dev/null", O_RDONLY);
  assert.is(readlinkSync(`/proc/self/fd/${fd}`), "/dev/null");
  const copy = dup(fd);
  assert.is(fstat(copy).ino, statSync("/dev/null").ino);
  close(copy);
  close(fd);
});

test(
  "limits of the process are EFBIG, EMFILE, EAGAIN and others",
  deadline(30_000, async () => {
    const peer = startPeer(currentRuntime(), "test/ffi/peers/limited.ts", [join(folder, "limited")]);
    const { status, lines } = await peer.exit();
    assert.equal(lines, [
      "write within=success write=EFBIG ftruncate=EFBIG posixFallocate=EFBIG fallocate=EFBIG",
      "open=EMFILE pipe2=EMFILE dup=EMFILE epollCreate1=EMFILE eventfd=EMFILE inotifyInit1=EMFILE memfdCreate=EMFILE",
      "signalfd=EMFILE pidfdOpen=EMFILE shmOpen=EMFILE semOpen=EMFILE mqOpen=EMFILE socket=EMFILE socketpair=EMFILE accept4=EMFILE",
      "sigqueue=EAGAIN rtTgsigqueueinfo=EAGAIN interruptEvery=EAGAIN",
      ...(isRoot()
        ? ["posixSpawn=EAGAIN posixSpawnp=EAGAIN shmctlLock=ENOMEM shmget SHM_HUGETLB=EPERM sendmsg=ETOOMANYREFS"]
        : []),
    ]);
    assert.is(status, 0);
  }),
);

test("misuse is refused before the call", () => {
  const bytes = new Uint8Array(4);
  for (const fd of [1.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const call of [
      () => close(fd),
      () => read(fd, bytes),
      () => write(fd, bytes),
      () => fstat(fd),
      () => ftruncate(fd, 0),
    ]) {
      assert.throws(
        call,
        (error: unknown) => error instanceof RangeError && error.message.startsWith(`fd is ${fd}, but must be`),
      );
    }
  }
  for (const fd of ["0", null, undefined, {}, 0n, true]) {
    assert.throws(
      () => close(fd as number),
      (error: unknown) => error instanceof TypeError,
    );
    assert.throws(
      () => read(fd as number, bytes),
      (error: unknown) => error instanceof TypeError,
    );
  }
  for (const view of [new ArrayBuffer(4), [1, 2], "text", null, undefined, 5, { byteLength: 4 }]) {
    assert.throws(
      () => read(0, view as Uint8Array),
      (error: unknown) => error instanceof TypeError,
    );
    assert.throws(
      () => write(1, view as Uint8Array),
      (error: unknown) => error instanceof TypeError,
    );
  }
  assert.throws(() => open("/dev/null\0", O_RDONLY), /NUL/);
  assert.throws(
    () => open(5 as unknown as string, O_RDONLY),
    (error: unknown) => error instanceof TypeError,
  );
  assert.throws(() => open("/dev/null", 0.5), /flags/);
  assert.throws(() => open("/dev/null", 0, -1), /mode/);
  assert.throws(() => ftruncate(0, 0.5), /length is 0.5/);
  assert.throws(() => posixFallocate(0, 2 ** 53, 1), /offset/);
});

leakCheck(test);
test.run();
