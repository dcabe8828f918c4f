#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Before anything of ours is loaded: a third of the time of a short `crucible run` was spent on stripping types.
enableCompileCache(join(homedir(), ".cache", "crucible", "node"));
const { main } = await import("./cli.ts");
const { processIo } = await import("./io.ts");

// `crucible languages | head -1`: a reader that goes away is no reason for a stack trace. `run` listens too, and stops.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// Exits by itself: a socket of a keep-alive connection must not hold up a program that stands in for an interpreter.
process.exit(await main(process.argv.slice(2), processIo()));
