/** Has the system refuse memory that becomes executable, from now on, and says what a receiver of signals makes of it. */
import { lazyBind } from "../../../src/ffi/bind.ts";
import { lastErrno } from "../../../src/ffi/system-error.ts";
import { receive } from "../../../src/process/signals/mod.ts";

const PR_SET_MDWE = 65;
const PR_MDWE_REFUSE_EXEC_GAIN = 1;

const calls = lazyBind({ prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" } });
const before = receive(["SIGRTMIN+2"]);
if (calls().prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) !== 0) console.log(`skip ${lastErrno()}`);
else refused();
before.close();

function refused(): void {
  try {
    receive(["SIGRTMIN+4"]).close();
    console.log("received");
  } catch (error) {
    console.log(`${(error as { code?: string }).code}: ${(error as Error).message}`);
  }
  // what is there goes on, and its handler may be used again
  before.close();
  receive(["SIGRTMIN+2"]).close();
  console.log("end");
}
