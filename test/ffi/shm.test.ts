import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  getgid,
  getpid,
  getuid,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  mmap,
  munmap,
  PROT_NONE,
  pageSize,
  SHM_DEST,
  SHM_LOCKED,
  SHM_NORESERVE,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  shmat,
  shmctlInfo,
  shmctlLock,
  shmctlRemove,
  shmctlSet,
  shmctlStat,
  shmctlStatIndex,
  shmctlUnlock,
  shmdt,
  shmget,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { readWord, writeWord } from "../support/native-memory.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueKey } from "../support/unique-key.ts";

/** Runs a test with a segment of its own. */
function withSegment(run: (segment: number) => void, size = 5000): () => void {
  return () => {
    const segment = shmget(IPC_PRIVATE, size, 0o600);
    try {
      run(segment);
    } finally {
      shmctlRemove(segment);
    }
  };
}

/** The row of a segment in /proc. */
function procRow(segment: number): Record<string, string | undefined> {
  const [header = "", ...rows] = readFileSync("/proc/sysvipc/shm", "utf8").trimEnd().split("\n");
  const row = rows.map((line) => line.trim().split(/\s+/)).find((fields) => fields[1] === `${segment}`) ?? [];
  return Object.fromEntries(
    header
      .trim()
      .split(/\s+/)
      .map((name, index) => [name, row[index]]),
  );
}

test(
  "two attaches are the same memory, zeroed at first",
  withSegment((segment) => {
    const one = shmat(segment, 0, 0);
    const two = shmat(segment, 0, SHM_RDONLY);
    assert.is.not(one, two);
    assert.is(readWord(two), 0);
    writeWord(one + 4096, 12_345);
    assert.is(readWord(two + 4096), 12_345);
    assert.is(shmctlStat(segment).nattch, 2);
    shmdt(one);
    shmdt(two);
    assert.is(shmctlStat(segment).nattch, 0);
  }),
);

test("SHM_RDONLY maps read-only", () => {
  const segment = shmget(IPC_PRIVATE, 4096, 0o600);
  const address = shmat(segment, 0, SHM_RDONLY);
  const line = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${address.toString(16)}-`));
  assert.match(line as string, /r--s.*SYSV00000000/);
  shmdt(address);
  shmctlRemove(segment);
});

test(
  "SHM_REMAP and SHM_RND put it where one wants it",
  withSegment((segment) => {
    const window = mmap(0, 3 * pageSize(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    throwsSystemError(() => shmat(segment, window, 0), "EINVAL", "shmat");
    assert.is(shmat(segment, window, SHM_REMAP), window);
    writeWord(window, 7);
    assert.is(shmat(segment, window + 10, SHM_REMAP | SHM_RND), window, "rounded down");
    assert.is(readWord(window), 7);
    shmdt(window);
    // not what is free by now, where a thread of the runtime may have mapped something
    munmap(window + 2 * pageSize(), pageSize());
    throwsSystemError(() => shmat(segment, 0, SHM_REMAP), "EINVAL", "shmat");
    throwsSystemError(() => shmat(segment, 10, 0), "EINVAL", "shmat");
  }),
);

test(
  "shmctlStat says what the kernel shows in /proc, and ipcs",
  withSegment((segment) => {
    const before = shmctlStat(segment);
    assert.equal([before.atime, before.dtime, before.lpid, before.nattch], [0, 0, 0, 0]);
    const address = shmat(segment, 0, 0);
    new Uint8Array(scratch.buffer).fill(255);
    const status = shmctlStat(segment);
    shmdt(address);
    const after = shmctlStat(segment);
    const proc = procRow(segment);
    for (const name of ["key", "uid", "gid", "cuid", "cgid", "cpid", "lpid", "atime", "dtime", "ctime"] as const)
      assert.is(`${after[name]}`, proc[name], name);
    assert.is(`${after.segsz}`, proc.size);
    assert.is(`${after.nattch}`, proc.nattch);
    assert.is(after.mode.toString(8), proc.perms);
    assert.is(status.nattch, 1);
    assert.equal([status.segsz, status.mode, status.cpid, status.lpid], [5000, 0o600, getpid(), getpid()]);
    assert.equal([status.uid, status.gid, status.key], [getuid(), getgid(), 0]);
    const line = execFileSync("ipcs", ["-m", "-i", `${segment}`], { encoding: "utf8" });
    assert.match(line, /bytes=5000\s+lpid=\d+\s+cpid=\d+\s+nattch=0/);
  }),
);

test(
  "shmctlSet changes what is given, and nothing else",
  withSegment((segment) => {
    const before = shmctlStat(segment);
    new Uint8Array(scratch.buffer).fill(255);
    shmctlSet(segment, { mode: 0o640 });
    const { ctime, ...rest } = shmctlStat(segment);
    assert.ok(ctime >= before.ctime);
    for (const [name, value] of Object.entries(rest))
      assert.is(value, name === "mode" ? 0o640 : before[name as keyof typeof rest], name);
    shmctlSet(segment, { uid: before.uid, gid: before.gid });
    assert.is(shmctlStat(segment).mode, 0o640);
  }),
);

test("a key leads to one segment, also a key with the highest bit", () => {
  const key = (uniqueKey() | 0x8000_0000) >>> 0;
  throwsSystemError(() => shmget(key, 0, 0), "ENOENT", "shmget");
  const segment = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0o600);
  assert.is(shmget(key, 0, 0), segment);
  assert.is(shmget(key | 0, 100, IPC_CREAT), segment, "signed");
  throwsSystemError(() => shmget(key, 100, IPC_CREAT | IPC_EXCL | 0o600), "EEXIST", "shmget");
  throwsSystemError(() => shmget(key, 101, 0), "EINVAL", "shmget");
  assert.is(shmctlStat(segment).key, key | 0);
  shmctlRemove(segment);
  throwsSystemError(() => shmget(key, 0, 0), "ENOENT", "shmget");
});

test("a removed segment lives until its last detach", () => {
  const segment = shmget(IPC_PRIVATE, 100, 0o600);
  const address = shmat(segment, 0, 0);
  shmctlRemove(segment);
  const status = shmctlStat(segment);
  assert.is(status.mode & SHM_DEST, SHM_DEST);
  assert.is(status.nattch, 1);
  writeWord(address, 1);
  shmdt(address);
  throwsSystemError(() => shmctlStat(segment), "EINVAL", "shmctl");
  throwsSystemError(() => shmat(segment, 0, 0), "EINVAL", "shmat");
  throwsSystemError(() => shmctlRemove(segment), "EINVAL", "shmctl");
  throwsSystemError(() => shmctlSet(segment, { mode: 0 }), "EINVAL", "shmctl");
  throwsSystemError(() => shmdt(address), "EINVAL", "shmdt");
});

test(
  "all segments are listed",
  withSegment((segment) => {
    const info = shmctlInfo();
    assert.ok(info.usedIds >= 1);
    assert.ok(info.totalPages >= 2);
    const found = [];
    for (let index = 0; index <= shmctlInfo().highestIndex; index++) {
      const status = shmctlStatIndex(index);
      if (status?.id === segment) found.push(status);
    }
    assert.equal(found, [{ id: segment, ...shmctlStat(segment) }]);
    assert.is(shmctlStatIndex(30_000), undefined);
  }),
);

test(
  "a segment is locked into memory",
  withSegment((segment) => {
    shmctlLock(segment);
    assert.is(shmctlStat(segment).mode & SHM_LOCKED, SHM_LOCKED);
    shmctlUnlock(segment);
    assert.is(shmctlStat(segment).mode & SHM_LOCKED, 0);
  }),
);

test("what the system refuses", () => {
  throwsSystemError(() => shmget(IPC_PRIVATE, 0, 0o600), "EINVAL", "shmget");
  throwsSystemError(() => shmget(IPC_PRIVATE, Number.MAX_SAFE_INTEGER, 0o600), "ENOMEM", "shmget");
  throwsSystemError(() => shmdt(0), "EINVAL", "shmdt");
  throwsSystemError(() => shmctlStat(-1), "EINVAL", "shmctl");
});

test("another user's segment", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const key = uniqueKey();
  const segment = shmget(key, 100, IPC_CREAT | 0o600);
  throwsSystemError(() => asNobody(() => shmget(key, 0, 0o400)), "EACCES", "shmget");
  throwsSystemError(() => asNobody(() => shmat(segment, 0, SHM_RDONLY)), "EACCES", "shmat");
  throwsSystemError(() => asNobody(() => shmctlStat(segment)), "EACCES", "shmctl");
  throwsSystemError(() => asNobody(() => shmctlRemove(segment)), "EPERM", "shmctl");
  throwsSystemError(() => asNobody(() => shmctlLock(segment)), "EPERM", "shmctl");
  const listed = asNobody(() => {
    const ids = [];
    for (let index = 0; index <= shmctlInfo().highestIndex; index++) ids.push(shmctlStatIndex(index)?.id);
    return ids;
  });
  assert.ok(listed.includes(segment), "but it is listed");
  shmctlSet(segment, { mode: 0o640 });
  throwsSystemError(() => asNobody(() => shmctlSet(segment, { mode: 0o666 })), "EPERM", "shmctl");
  throwsSystemError(() => asNobody(() => shmat(segment, 0, 0)), "EACCES", "shmat");
  shmdt(asNobody(() => shmat(segment, 0, SHM_RDONLY)));
  shmctlRemove(segment);
});

test("a segment that is gone cannot be locked, and one that is too large has no place", () => {
  const gone = shmget(IPC_PRIVATE, 1, 0o600);
  shmctlRemove(gone);
  throwsSystemError(() => shmctlLock(gone), "EINVAL", "shmctl");
  throwsSystemError(() => shmctlUnlock(gone), "EINVAL", "shmctl");
  const large = shmget(IPC_PRIVATE, 2 ** 47, SHM_NORESERVE | 0o600);
  throwsSystemError(() => shmat(large, 0, 0), "ENOMEM", "shmat");
  shmctlRemove(large);
});

test("another user's segment, call for call", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const segment = shmget(IPC_PRIVATE, 1, 0o600);
  throwsSystemError(() => asNobody(() => shmctlSet(segment, { mode: 0o666 })), "EACCES", "shmctl");
  throwsSystemError(() => asNobody(() => shmctlUnlock(segment)), "EPERM", "shmctl");
  shmctlRemove(segment);
});

test("misuse is refused before the call", () => {
  assert.throws(() => shmget(2 ** 32, 0, 0), /key is 4294967296/);
  assert.throws(() => shmget(0, -1, 0), /size is -1/);
  assert.throws(() => shmat(0.5, 0, 0), /segment is 0.5/);
  assert.throws(() => shmat(0, -1, 0), /address is -1/);
  assert.throws(() => shmdt(0.5), /address is 0.5/);
  assert.throws(() => shmctlStatIndex(0.5), /index is 0.5/);
});

test.run();
