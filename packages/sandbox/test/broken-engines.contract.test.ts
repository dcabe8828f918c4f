import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { CONTRACT_CHECKS, engineContractControl } from "../src/testing/index.ts";
import { removeTree } from "../src/process/remove-tree.ts";
import type { Engine, Limits } from "../src/types.ts";
import { createNaiveEngine } from "./naive-engine.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
/** Checks of these groups that fail on every host without isolation, and do it no harm. */
const harmless = (...groups: readonly string[]): string[] =>
  CONTRACT_CHECKS.filter(
    ({ group, control }) =>
      groups.includes(group) && (control === null || control === "fails" || group === "processes"),
  )
    .filter(({ control }) => control === null || control === "fails" || !("notRun" in control))
    .map(({ id }) => id);
const without = (ids: readonly string[], ...others: readonly string[]): string[] =>
  ids.filter((id) => !others.includes(id));
const inGroup = (group: string): string[] =>
  CONTRACT_CHECKS.filter((check) => check.group === group).map(({ id }) => id);

/** Looser than every check asks for, and still within what the host can bear. */
const LOOSE: Limits = {
  wallTimeMs: 3_000,
  cpuTimeMs: 60_000,
  cpus: 2,
  memoryBytes: 512 * 1024 * 1024,
  pids: 128,
  stdoutBytes: 4 * 1024 * 1024,
  stderrBytes: 4 * 1024 * 1024,
  fileSizeBytes: 64 * 1024 * 1024,
  diskBytes: 64 * 1024 * 1024,
  openFiles: 1_024,
};

const LIMIT_CHECKS = [
  "outcomes.timed-out",
  "outcomes.cpu-exceeded",
  "outcomes.out-of-memory",
  "outcomes.file-size-exceeded",
  "outcomes.disk-exceeded-cwd",
  "outcomes.disk-exceeded-tmp",
  ...inGroup("outcomes").filter((id) => id.startsWith("outcomes.output-exceeded")),
  "io.chunks-cut",
];

/** A good sandbox that does not listen to the limits of the spec: the bombs go off, and stay inside. */
async function createLooseEngine(): Promise<Engine> {
  const engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8 });
  return {
    ...engine,
    run: (spec, options) =>
      engine.run({ ...spec, limits: LOOSE, compileLimits: { ...LOOSE, wallTimeMs: 6_000 } }, options),
  };
}

engineContractControl({
  name: "an engine that ignores limits",
  create: createLooseEngine,
  expectFailing: [
    ...without(
      inGroup("resources"),
      // The loose limits still hold bombs, measure memory and cannot be raised.
      "resources.neighbour",
      "resources.all-at-once",
      "resources.output-dribble",
      "resources.memory-peak",
      "resources.limits-cannot-be-raised",
    ),
    ...LIMIT_CHECKS,
  ],
});

/** What even the naive engine does right; the first list is proven to fail by the loose engine. */
const RIGHT_BY_CHANCE = [
  ...LIMIT_CHECKS,
  "outcomes.exit-codes",
  "outcomes.probe",
  "outcomes.compile-bomb",
  "outcomes.cancelled-after",
  "outcomes.output-exact-stdout",
  "outcomes.output-exact-stderr",
  "io.stdin-absent",
  "io.stdin-unread",
  "io.environment",
  "io.writable-places",
  "io.own-script",
  "io.files",
  "io.entry-like-option",
  "io.environment-special",
  "io.files-many",
  // Time is the one limit that it keeps, and it has no sandbox that could be blamed.
  ...inGroup("outcomes").filter((id) => /\.smallest-|-any-moment$/.test(id)),
  "spec.argument-too-long",
  "files.own-files-fresh",
  "cleanup.close-twice",
];

engineContractControl({
  name: "an engine with every ordinary mistake",
  create: async () => createNaiveEngine(),
  expectFailing: without(
    harmless("outcomes", "io", "spec", "processes", "cleanup", "secrets", "files"),
    ...RIGHT_BY_CHANCE,
  ),
});

afterAll(async () => {
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith(`crucible-naive-p${process.pid}-`));
  await Promise.all(left.map((name) => removeTree(join(tmpdir(), name))));
});
