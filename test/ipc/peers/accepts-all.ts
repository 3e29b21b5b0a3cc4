/** Waits until the thread of its parent that its argument names sleeps, and then takes what waits at its descriptor 3, a listening socket. */
import { readFileSync } from "node:fs";
import { accept4, close, getppid } from "../../../src/ffi/mod.ts";

const [thread] = process.argv.slice(2);
const status = `/proc/${getppid()}/task/${thread}/status`;
while (!/^State:\s+S/m.test(readFileSync(status, "utf8")));
for (let fd = accept4(3); fd >= 0; fd = accept4(3)) close(fd);
