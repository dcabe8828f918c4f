#!/usr/bin/env node
import { main } from "./cli.ts";
import { processIo } from "./io.ts";

// `crucible languages | head -1`: a reader that goes away is no reason for a stack trace. `run` listens too, and stops.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// Exits by itself: a socket of a keep-alive connection must not hold up a program that stands in for an interpreter.
process.exit(await main(process.argv.slice(2), processIo()));
