// A named pipe to talk to programs that know nothing of millrace: each line that they write is a message.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel } from "millrace";

const path = join(tmpdir(), `example-${process.pid}.fifo`);
await using log = await Channel.receiver(`fifo:${path}`, { framing: "lines", codec: "text" });
const shell = spawn("sh", ["-c", 'printf "started\\nworking\\ndone\\n" > "$0"', path]);
const exited = once(shell, "exit");

for await (const line of log) console.log(`shell: ${line}`);
console.log(`it ended with status ${(await exited)[0]}`);

// Output:
// shell: started
// shell: working
// shell: done
// it ended with status 0
