// A pipe to a child process, beside its standard input and output. The child may be any program; here it is this file again.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Channel } from "millrace";

if (process.argv[2] === "child") {
  await using jobs = await Channel.receiver("pipe:3", { codec: "text" });
  for await (const job of jobs) console.log(`the child does ${job}`);
} else {
  const { channel: jobs, child: end } = await Channel.pipeForChild("receiver", { codec: "text" });
  const child = fork(import.meta.filename, ["child"], { stdio: ["ignore", "inherit", "inherit", end.fd, "ipc"] });
  const exited = once(child, "exit");
  end.close(); // the child has its own copy
  for (const job of ["this", "that"]) await jobs.send(job);
  await jobs.close();
  await exited;
  console.log("the child has ended");
}

// Output:
// the child does this
// the child does that
// the child has ended
