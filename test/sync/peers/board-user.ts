/**
 * Uses the segment of `board.ts`, in the folder in which it runs:
 *
 *     hold          locks the mutex, spoils the total, says "locked", and waits to be killed
 *     count TIMES   says "waiting", and counts so many times
 */
import { Board } from "../board.ts";

const [verb, times] = process.argv.slice(2);
const board = new Board();
if (verb === "hold") {
  board.mutex.lockSync();
  board.total += 1_000_000n;
  console.log("locked");
  setInterval(() => {}, 1e6);
} else {
  console.log("waiting");
  for (let left = Number(times); left > 0; left--) board.count(board.mutex.lockSync());
  board.memory.close();
}
