// runtimes: bun - the benchmarks' driver runs on Bun
import { test } from "uvu";
import * as assert from "uvu/assert";
import { kernelCopies } from "../../bench/copies/trace.ts";

/** What strace writes, of one pass of process 7 with a thread 8. */
function pass(...lines: string[]): string {
  return ["7     kill(7, 0) = 0", ...lines, "7     kill(7, 0) = 0", '7     read(3</f>, ""..., 99) = 99', ""].join("\n");
}

test("trace: only the bytes of the pass count, as many as the call gave", () => {
  const text = pass(
    '7     read(3</dev/shm/source>, ""..., 65536) = 1000',
    '7     write(1<pipe:[9]>, ""..., 1000) = 600',
  );
  assert.equal(kernelCopies([text], 1), { bytes: 1600, calls: { read: 1000, write: 600 } });
});

test("trace: the pass that is asked for", () => {
  const text = pass('7     read(3</f>, ""..., 10) = 10') + pass('7     read(3</f>, ""..., 20) = 20');
  assert.is(kernelCopies([text], 2).bytes, 20);
  assert.throws(() => kernelCopies([text], 3), /no pass 3/);
});

test("trace: a call that another thread interrupts in the text", () => {
  const text = pass(
    "8     recvmsg(5<socket:[1]>,  <unfinished ...>",
    '7     read(3</f>, ""..., 10) = 10',
    "8     <... recvmsg resumed>{msg_name=NULL}, 0) = 4096",
  );
  assert.equal(kernelCopies([text], 1), { bytes: 4106, calls: { read: 10, recvmsg: 4096 } });
});

test("trace: what fails moves nothing", () => {
  const text = pass("7     read(3<pipe:[9]>, 0x7f, 65536) = -1 EAGAIN (Resource temporarily unavailable)");
  assert.is(kernelCopies([text], 1).bytes, 0);
});

test("trace: splice into a pipe gives it the pages, out of it copies them", () => {
  const text = pass(
    "7     splice(10</dev/shm/source>, NULL, 3<pipe:[9]>, NULL, 1048576, SPLICE_F_MOVE) = 65536",
    "7     splice(3<pipe:[9]>, NULL, 10</dev/shm/destination>, NULL, 1048576, SPLICE_F_MOVE) = 65536",
    "7     copy_file_range(11</dev/shm/source>, NULL, 12</dev/shm/destination>, NULL, 100, 0) = 100",
  );
  const calls = { "splice, by reference": 65_536, splice: 65_536, copy_file_range: 100 };
  assert.equal(kernelCopies([text], 1), { bytes: 65_636, calls });
});

test("trace: a queue's send tells its length among the arguments", () => {
  const text = pass(
    '7     msgsnd(3, {mtype=1, mtext=""...}, 8192, IPC_NOWAIT) = 0',
    '7     msgsnd(3, {1, ""...}, 8192, IPC_NOWAIT) = -1 EAGAIN (Resource temporarily unavailable)',
    '7     msgrcv(3, {1, ""...}, 8192, 0, IPC_NOWAIT) = 8192',
    '7     mq_timedsend(9</queue>, ""..., 4000, 0, {tv_sec=0, tv_nsec=0}) = 0',
    '7     mq_timedreceive(9</queue>, ""..., 8192, [0], {tv_sec=0, tv_nsec=0}) = 4000',
  );
  const calls = { msgsnd: 8192, msgrcv: 8192, mq_timedsend: 4000, mq_timedreceive: 4000 };
  assert.equal(kernelCopies([text], 1), { bytes: 24_384, calls });
});

test("trace: source and sink, each in a trace of its own or both in one", () => {
  const source = pass('7     read(3</f>, ""..., 10) = 10');
  const sink = ["9     kill(9, 0) = 0", '9     write(4</g>, ""..., 10) = 10', "9     kill(9, 0) = 0"].join("\n");
  assert.is(kernelCopies([source, sink], 1).bytes, 20);
  const both = `9     kill(9, 0) = 0\n${source}\n9     write(4</g>, ""..., 10) = 10\n9     kill(9, 0) = 0`;
  // and what source reads behind its own end, for the sink is not done yet
  assert.is(kernelCopies([both], 1).bytes, 119);
});

test.run();
