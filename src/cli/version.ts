import { readFileSync } from "node:fs";

/** The version of the package, from the `package.json` two folders above, of the source as of what is built of it. */
export function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
