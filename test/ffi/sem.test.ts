import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  getgid,
  getpid,
  getuid,
  INTERRUPTED,
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  IPC_PRIVATE,
  SEM_UNDO,
  semctlGetAll,
  semctlGetNcnt,
  semctlGetPid,
  semctlGetValue,
  semctlGetZcnt,
  semctlInfo,
  semctlRemove,
  semctlSet,
  semctlSetAll,
  semctlSetValue,
  semctlStat,
  semctlStatIndex,
  semget,
  semop,
  semtimedop,
  WOULD_BLOCK,
} from "../../src/ffi/mod.ts";
import { scratch } from "../../src/ffi/scratch.ts";
import { asNobody, isRoot } from "../support/as-nobody.ts";
import { deadline } from "../support/deadline.ts";
import { whileInterrupted } from "../support/interrupted.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startPeer } from "../support/peer-process.ts";
import { currentRuntime } from "../support/runtimes.ts";
import { skip } from "../support/skip.ts";
import { throwsSystemError } from "../support/throws-system-error.ts";
import { uniqueKey } from "../support/unique-key.ts";

/** Runs a test with an array of its own. */
function withArray(run: (array: number) => void | Promise<void>, count = 3): () => Promise<void> {
  return async () => {
    const array = semget(IPC_PRIVATE, count, 0o600);
    try {
      await run(array);
    } finally {
      semctlRemove(array);
    }
  };
}

function values(array: number): number[] {
  return [...semctlGetAll(array)];
}

test(
  "operations are done all at once or not at all",
  withArray((array) => {
    assert.equal(values(array), [0, 0, 0]);
    assert.is(
      semop(array, [
        { num: 0, op: 5 },
        { num: 2, op: 1 },
      ]),
      0,
    );
    assert.equal(values(array), [5, 0, 1]);
    const impossible = [
      { num: 0, op: -3 },
      { num: 1, op: -1, flags: IPC_NOWAIT },
    ];
    assert.is(semop(array, impossible), WOULD_BLOCK);
    assert.equal(values(array), [5, 0, 1]);
    assert.is(semop(array, [{ num: 1, op: 0 }]), 0, "it is 0");
    assert.is(semop(array, [{ num: 0, op: 0, flags: IPC_NOWAIT }]), WOULD_BLOCK);
    assert.is(semop(array, [{ num: 0, op: -5 }]), 0);
    assert.equal(values(array), [0, 0, 1]);
  }),
);

test(
  "values are set and read, one and all",
  withArray((array) => {
    semctlSetAll(array, [1, 32_767, 3]);
    assert.equal(values(array), [1, 32_767, 3]);
    semctlSetValue(array, 1, 0);
    assert.is(semctlGetValue(array, 1), 0);
    assert.is(semctlGetValue(array, 2), 3);
    throwsSystemError(() => semctlSetValue(array, 0, 32_768), "ERANGE", "semctl");
    throwsSystemError(() => semctlSetValue(array, 0, -1), "ERANGE", "semctl");
    throwsSystemError(() => semctlSetAll(array, [1, 2, 32_768]), "ERANGE", "semctl");
    assert.equal(values(array), [1, 0, 3]);
    assert.throws(() => semctlSetAll(array, [1, 2]), /values has 2 items, but the array 3 semaphores/);
    throwsSystemError(() => semctlGetValue(array, 3), "EINVAL", "semctl");
    throwsSystemError(() => semctlSetValue(array, -1, 0), "EINVAL", "semctl");
  }),
);

test(
  "more operations than the scratch memory holds, and more semaphores",
  withArray((array) => {
    const all = Array.from({ length: 3000 }, (_, num) => num % 1000);
    semctlSetAll(array, all);
    assert.equal(values(array), all);
    const operations = Array.from({ length: 500 }, (_, index) => ({ num: index * 6, op: 1 }));
    const [, , most] = readFileSync("/proc/sys/kernel/sem", "utf8").trim().split(/\s+/).map(Number) as [
      number,
      number,
      number,
    ];
    const fitting = operations.slice(0, most);
    assert.is(semop(array, fitting), 0);
    assert.is(semctlGetValue(array, 6 * (fitting.length - 1)), ((6 * (fitting.length - 1)) % 1000) + 1);
    const many = Array.from({ length: most + 1 }, () => ({ num: 0, op: 1 }));
    throwsSystemError(() => semop(array, many), "E2BIG", "semop");
    throwsSystemError(() => semtimedop(array, many, 1), "E2BIG", "semtimedop");
  }, 3000),
);

test(
  "semtimedop waits so long, and not when it need not",
  withArray((array) => {
    semctlSetValue(array, 0, 1);
    assert.is(semtimedop(array, [{ num: 0, op: -1 }], 60_000), 0);
    const started = performance.now();
    assert.is(semtimedop(array, [{ num: 0, op: -1 }], 30.5), WOULD_BLOCK);
    assert.ok(performance.now() - started >= 29);
    assert.is(semtimedop(array, [{ num: 0, op: -1 }], 0), WOULD_BLOCK);
    assert.is(semtimedop(array, [{ num: 0, op: 1 }], Number.POSITIVE_INFINITY), 0);
  }),
);

test(
  "a signal ends a wait, and is a value",
  withArray(
    deadline(30_000, async (array: number) => {
      assert.is(await whileInterrupted(() => semop(array, [{ num: 0, op: -1 }])), INTERRUPTED);
      assert.is(await whileInterrupted(() => semtimedop(array, [{ num: 0, op: -1 }], 60_000)), INTERRUPTED);
    }),
  ),
);

test(
  "another process waits, is counted, is woken, and its end undoes",
  withArray(
    deadline(60_000, async (array: number) => {
      const peer = startPeer(currentRuntime(), "test/ffi/peers/semaphore-user.ts", [`${array}`]);
      await peer.line("ready");
      while (semctlGetNcnt(array, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal([semctlGetNcnt(array, 0), semctlGetZcnt(array, 0)], [1, 0]);
      semop(array, [{ num: 0, op: 1 }]);
      assert.is(semctlGetPid(array, 0) === getpid() || semctlGetPid(array, 0) === peer.pid, true);
      await peer.line("taken");
      assert.is(semctlGetPid(array, 0), peer.pid);
      while (semctlGetZcnt(array, 1) === 0) {
        semctlSetValue(array, 1, 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.is(semctlGetValue(array, 2), 1);
      await peer.kill();
      assert.is(semctlGetValue(array, 2), 0, "SEM_UNDO");
      assert.is(semctlGetZcnt(array, 1), 0);
    }),
  ),
);

test(
  "an array that is removed ends the waits for it",
  deadline(60_000, async () => {
    for (const [name, wait] of [
      ["semop", (array: number) => semop(array, [{ num: 0, op: -1 }])],
      ["semtimedop", (array: number) => semtimedop(array, [{ num: 0, op: -1 }], 60_000)],
    ] as const) {
      const array = semget(IPC_PRIVATE, 1, 0o600);
      // the columns are number, value, waiting for more, waiting for 0, process
      const waits = `ipcs -s -i ${array} | awk '$1 == "0" && $3 == 1 { found = 1 } END { exit !found }'`;
      const remover = spawn("sh", ["-c", `until ${waits}; do :; done; ipcrm -s ${array}`], { stdio: "inherit" });
      throwsSystemError(() => wait(array), "EIDRM", name);
      await once(remover, "close");
    }
  }),
);

test(
  "semctlStat says what the kernel shows in /proc, and ipcs",
  withArray((array) => {
    assert.is(semctlStat(array).otime, 0);
    semop(array, [{ num: 0, op: 1 }]);
    new Uint8Array(scratch.buffer).fill(255);
    const status = semctlStat(array);
    const [header = "", ...rows] = readFileSync("/proc/sysvipc/sem", "utf8").trimEnd().split("\n");
    const names = header.trim().split(/\s+/);
    const row = rows.map((line) => line.trim().split(/\s+/)).find((fields) => fields[1] === `${array}`) ?? [];
    const proc = Object.fromEntries(names.map((name, index) => [name, row[index]]));
    for (const name of ["key", "uid", "gid", "cuid", "cgid", "otime", "ctime", "nsems"] as const)
      assert.is(`${status[name]}`, proc[name], name);
    assert.is(status.mode.toString(8), proc.perms);
    assert.equal([status.uid, status.gid, status.nsems, status.mode], [getuid(), getgid(), 3, 0o600]);
    assert.match(execFileSync("ipcs", ["-s", "-i", `${array}`], { encoding: "utf8" }), /nsems = 3/);
  }),
);

test(
  "semctlSet changes what is given, and nothing else",
  withArray((array) => {
    const before = semctlStat(array);
    new Uint8Array(scratch.buffer).fill(255);
    semctlSet(array, { mode: 0o640 });
    const { ctime, ...rest } = semctlStat(array);
    assert.ok(ctime >= before.ctime);
    for (const [name, value] of Object.entries(rest))
      assert.is(value, name === "mode" ? 0o640 : before[name as keyof typeof rest], name);
    semctlSet(array, { uid: before.uid, gid: before.gid });
    assert.is(semctlStat(array).mode, 0o640);
  }),
);

test(
  "all arrays are listed",
  withArray((array) => {
    const info = semctlInfo();
    assert.ok(info.usedIds >= 1);
    assert.ok(info.semaphores >= 3);
    const found = [];
    for (let index = 0; index <= semctlInfo().highestIndex; index++) {
      const status = semctlStatIndex(index);
      if (status?.id === array) found.push(status);
    }
    assert.equal(found, [{ id: array, ...semctlStat(array) }]);
    assert.is(semctlStatIndex(30_000), undefined);
  }),
);

test("a key leads to one array, also a key with the highest bit", () => {
  const key = (uniqueKey() | 0x8000_0000) >>> 0;
  throwsSystemError(() => semget(key, 0, 0), "ENOENT", "semget");
  const array = semget(key, 2, IPC_CREAT | IPC_EXCL | 0o600);
  assert.is(semget(key, 0, 0), array);
  assert.is(semget(key | 0, 2, IPC_CREAT), array, "signed");
  throwsSystemError(() => semget(key, 2, IPC_CREAT | IPC_EXCL | 0o600), "EEXIST", "semget");
  throwsSystemError(() => semget(key, 3, 0), "EINVAL", "semget");
  assert.is(semctlStat(array).key, key | 0);
  semctlRemove(array);
});

test("an array that is gone, or never was, is EINVAL", () => {
  const array = semget(IPC_PRIVATE, 1, 0o600);
  semctlRemove(array);
  for (const [call, name] of [
    [() => semop(array, [{ num: 0, op: 1 }]), "semop"],
    [() => semtimedop(array, [{ num: 0, op: 1 }], 1), "semtimedop"],
    [() => semctlStat(array), "semctl"],
    [() => semctlSet(array, { mode: 0o600 }), "semctl"],
    [() => semctlGetAll(array), "semctl"],
    [() => semctlSetAll(array, [1]), "semctl"],
    [() => semctlGetValue(array, 0), "semctl"],
    [() => semctlSetValue(array, 0, 0), "semctl"],
    [() => semctlGetPid(array, 0), "semctl"],
    [() => semctlGetNcnt(array, 0), "semctl"],
    [() => semctlGetZcnt(array, 0), "semctl"],
    [() => semctlRemove(array), "semctl"],
  ] as const) {
    throwsSystemError(call, "EINVAL", name);
  }
});

test(
  "what the system refuses",
  withArray((array) => {
    throwsSystemError(() => semget(IPC_PRIVATE, 0, 0o600), "EINVAL", "semget");
    throwsSystemError(() => semget(IPC_PRIVATE, 1 << 30, 0o600), "EINVAL", "semget");
    throwsSystemError(() => semop(array, []), "EINVAL", "semop");
    throwsSystemError(() => semop(array, [{ num: 3, op: 1 }]), "EFBIG", "semop");
    semctlSetValue(array, 0, 32_767);
    throwsSystemError(() => semop(array, [{ num: 0, op: 1 }]), "ERANGE", "semop");
    semop(array, [{ num: 0, op: -32_767, flags: SEM_UNDO }]);
    assert.is(semctlGetValue(array, 0), 0);
  }),
);

test("another user's array", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const key = uniqueKey();
  const array = semget(key, 1, IPC_CREAT | 0o600);
  throwsSystemError(() => asNobody(() => semget(key, 0, 0o400)), "EACCES", "semget");
  throwsSystemError(() => asNobody(() => semop(array, [{ num: 0, op: 1 }])), "EACCES", "semop");
  throwsSystemError(() => asNobody(() => semctlStat(array)), "EACCES", "semctl");
  throwsSystemError(() => asNobody(() => semctlSetValue(array, 0, 1)), "EACCES", "semctl");
  throwsSystemError(() => asNobody(() => semctlRemove(array)), "EPERM", "semctl");
  semctlSet(array, { mode: 0o640 });
  assert.is(
    asNobody(() => semctlGetValue(array, 0)),
    0,
  );
  throwsSystemError(() => asNobody(() => semctlSetAll(array, [1])), "EACCES", "semctl");
  throwsSystemError(() => asNobody(() => semctlSet(array, { mode: 0o666 })), "EPERM", "semctl");
  semctlRemove(array);
});

test("another user's array, call for call", () => {
  if (!isRoot()) return skip("needs root, to become another user");
  const array = semget(IPC_PRIVATE, 1, 0o600);
  for (const [call, name] of [
    [() => semtimedop(array, [{ num: 0, op: 1 }], 1), "semtimedop"],
    [() => semctlGetValue(array, 0), "semctl"],
    [() => semctlGetPid(array, 0), "semctl"],
    [() => semctlGetNcnt(array, 0), "semctl"],
    [() => semctlGetZcnt(array, 0), "semctl"],
    [() => semctlGetAll(array), "semctl"],
    [() => semctlSet(array, { mode: 0o666 }), "semctl"],
  ] as const)
    throwsSystemError(() => asNobody<unknown>(call), "EACCES", name);
  semctlRemove(array);
});

test(
  "semtimedop refuses what semop does",
  withArray((array) => {
    throwsSystemError(() => semtimedop(array, [{ num: 3, op: 1 }], 1), "EFBIG", "semtimedop");
    semctlSetValue(array, 0, 32_767);
    throwsSystemError(() => semtimedop(array, [{ num: 0, op: 1 }], 1), "ERANGE", "semtimedop");
  }),
);

test("misuse is refused before the call", () => {
  assert.throws(() => semget(2 ** 32, 0, 0), /key is 4294967296/);
  assert.throws(() => semget(0, 0.5, 0), /count is 0.5/);
  assert.throws(() => semop(0, [{ num: 65_536, op: 0 }]), /num is 65536, but must be an integer from 0 to 65535/);
  assert.throws(() => semop(0, [{ num: 0, op: 32_768 }]), /op is 32768/);
  assert.throws(() => semop(0, [{ num: 0, op: 0, flags: 65_536 }]), /flags is 65536/);
  assert.throws(() => semtimedop(0, [], -1), /timeout is -1/);
  assert.throws(() => semctlSetValue(0, 0, 0.5), /value is 0.5/);
  assert.throws(() => semctlSetAll(0, [0.5]), /values\[0\] is 0.5/);
});

leakCheck(test);
test.run();
