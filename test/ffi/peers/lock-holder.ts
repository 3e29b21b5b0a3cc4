/** Locks byte 0 of the file of its first argument, says so, and keeps it. */
import { O_RDWR, open, tryLock } from "../../../src/ffi/mod.ts";

const fd = open(process.argv[2] as string, O_RDWR);
console.log(tryLock(fd, "write", 0, 1) ? "locked" : "busy");
setInterval(() => {}, 1e6);
