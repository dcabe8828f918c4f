#!/usr/bin/env node
import { main } from "./cli.ts";
import { processIo } from "./io.ts";

// Exits by itself: a socket of a keep-alive connection must not hold up a program that stands in for an interpreter.
process.exit(await main(process.argv.slice(2), processIo()));
