import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SHARED_MEMORY = "/dev/shm";

/** The folder for everything that a demo makes, on a tmpfs where there is one. */
export class Workspace {
  readonly path: string;

  constructor() {
    const base = process.env.MILLRACE_DIR || (existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
    this.path = mkdtempSync(join(base, "millrace-demo-"));
  }

  /** A path in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Removes it with all that is left in it. */
  close(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}
