#!/usr/bin/env node
/** The `millrace` command. */
import { main } from "./main.ts";

// what was left open on purpose, or by a command that was interrupted, would keep the process alive
process.exit(await main(process.argv.slice(2)));
