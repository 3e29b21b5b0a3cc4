// A child process answers requests over a pair of rings; one of them takes too long and is given up.
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { RemoteError, Requester, Responder } from "millrace";

if (process.argv[2] === "child") {
  const responder = await Responder.serve(
    "ring:example-words",
    async (text, { signal }) => {
      if (text === "") throw new RangeError("There are no words");
      if (text === "slow") await sleep(60_000, undefined, { signal });
      return String(text.split(" ").length);
    },
    { codec: "text" },
  );
  process.once("disconnect", () => responder.close());
} else {
  const child = fork(import.meta.filename, ["child"]);
  const requester = await Requester.connect("ring:example-words", { codec: "text" });
  const texts = ["one", "two words", "now three words"];
  console.log((await Promise.all(texts.map((text) => requester.request(text)))).join(" "));
  try {
    await requester.request("");
  } catch (error) {
    if (error instanceof RemoteError) console.log(error.remoteName, error.message);
  }
  await requester.request("slow", { timeout: 50 }).catch((error) => console.log(error.code));
  console.log(requester.requestSync("blocks the thread"));
  await requester.close();
  child.disconnect();
  await once(child, "exit");
}

// Output:
// 1 2 3
// RangeError There are no words
// IPC_TIMEOUT
// 3
