import type { Pair, PairSetup } from "./pair.ts";
import type { LoadedReport, PassedReport } from "./protocol.ts";
import type { Preparation, Transport } from "./transports.ts";
import { workerCommand } from "./worker-command.ts";
import { WorkerProcess } from "./worker-process.ts";
import type { Workspace } from "./workspace.ts";

/** Two workers with a channel between them. */
export class ChannelPair implements Pair {
  readonly #preparation: Preparation;
  readonly #producer: WorkerProcess;
  readonly #consumer: WorkerProcess;

  constructor({ chunkBytes, prepare }: Transport, workspace: Workspace, { file, runtime, onProgress }: PairSetup) {
    const command = workerCommand(runtime);
    const preparation = prepare(workspace);
    const { sender, receiver, options } = preparation;
    this.#preparation = preparation;
    this.#producer = new WorkerProcess(command, sender.descriptor, onProgress);
    this.#consumer = new WorkerProcess(command, receiver.descriptor, onProgress);
    preparation.started?.();
    const order = { order: "start", file, options, chunkBytes } as const;
    this.#producer.tell({ ...order, role: "producer", address: sender.address });
    this.#consumer.tell({ ...order, role: "consumer", address: receiver.address });
  }

  load(): Promise<LoadedReport> {
    return this.#producer.expect("loaded");
  }

  async open(bytes: number): Promise<void> {
    await this.#both("open", "opened", bytes);
  }

  async pass(): Promise<PassedReport> {
    this.#consumer.tell({ order: "pass" });
    await this.#consumer.expect("ready");
    this.#producer.tell({ order: "pass" });
    return this.#consumer.expect("passed");
  }

  async end(): Promise<void> {
    await this.#both("end", "ended", 0);
  }

  async kill(): Promise<void> {
    await Promise.all([this.#producer.kill(), this.#consumer.kill()]);
    await this.#preparation.finish?.();
  }

  async #both(order: "open" | "end", report: "opened" | "ended", bytes: number): Promise<void> {
    for (const worker of [this.#producer, this.#consumer]) worker.tell({ order, bytes });
    await Promise.all([this.#producer.expect(report), this.#consumer.expect(report)]);
  }
}
