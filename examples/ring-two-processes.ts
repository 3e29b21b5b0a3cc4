// A child process streams records to its parent through a ring in shared memory.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Channel } from "millrace";

if (process.argv[2] === "child") {
  await using records = await Channel.sender("ring:example-records", { codec: "json" });
  for (let id = 1; id <= 3; id++) await records.send({ id, square: id * id });
} else {
  await using records = await Channel.receiver("ring:example-records", { codec: "json" });
  const child = fork(import.meta.filename, ["child"]);
  const exited = once(child, "exit");
  // it may start before or after this loop: the receiver waits, and the loop ends when the sender closes
  for await (const record of records) console.log(JSON.stringify(record));
  await exited;
  console.log("the sender has closed");
}

// Output:
// {"id":1,"square":1}
// {"id":2,"square":4}
// {"id":3,"square":9}
// the sender has closed
