import type { Pair, PairSetup } from "./pair.ts";
import type { LoadedReport, PassedReport } from "./protocol.ts";
import { COMPARISON } from "./transports.ts";
import { workerCommand } from "./worker-command.ts";
import { WorkerProcess } from "./worker-process.ts";

/** One worker that starts the other one itself, with a plain pipe between them. */
export class StdioPair implements Pair {
  readonly #worker: WorkerProcess;

  constructor({ file, runtime, onProgress }: PairSetup) {
    this.#worker = new WorkerProcess(workerCommand(runtime), undefined, onProgress);
    const { chunkBytes } = COMPARISON;
    this.#worker.tell({ order: "start", role: "stdio-consumer", address: "", options: {}, file, chunkBytes });
  }

  load(): Promise<LoadedReport> {
    return this.#worker.expect("loaded");
  }

  async open(bytes: number): Promise<void> {
    this.#worker.tell({ order: "open", bytes });
    await this.#worker.expect("opened");
  }

  async pass(): Promise<PassedReport> {
    this.#worker.tell({ order: "pass" });
    await this.#worker.expect("ready");
    return this.#worker.expect("passed");
  }

  async end(): Promise<void> {
    this.#worker.tell({ order: "end" });
    await this.#worker.expect("ended");
  }

  async kill(): Promise<void> {
    await this.#worker.kill();
  }
}
