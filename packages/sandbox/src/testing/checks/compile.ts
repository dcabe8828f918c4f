/** The compile step: its own outcome, its own limits, the same walls. */
import assert from "node:assert/strict";
import type { RunOutcome } from "../../types.ts";
import { type Check, checksOf } from "../check.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { newMarker } from "../host/marked-process.ts";
import { assertExit, assertStatus, c, code, describeOutcome, text } from "../programs.ts";

function compileOf(outcome: RunOutcome): NonNullable<RunOutcome["compile"]> {
  assert.ok(outcome.compile, `no compile step in the outcome: ${describeOutcome(outcome)}`);
  return outcome.compile;
}

/** Group `outcomes`: languages with a compile step. */
export const compileChecks: readonly Check[] = checksOf("outcomes", [
  {
    name: "compile-failed",
    title: "reports a program that does not compile, with the compiler's words and nothing of a run",
    async run({ engine }) {
      const outcome = await engine.run(c("int main(void) { return undeclared_name; }"));
      assertStatus(outcome, "compile_failed");
      const compile = compileOf(outcome);
      assert.match(text(compile.stderr), /undeclared_name/);
      assert.notEqual(compile.exitCode, 0);
      assert.equal(outcome.stdout.length + outcome.stderr.length, 0);
      assert.equal(outcome.signal, null);
    },
  },
  {
    name: "compile-output-apart",
    title: "keeps the compiler's output apart from the program's",
    async run({ engine }) {
      const source = code`
        #include <stdio.h>
        #warning note-from-the-compiler
        int main(void) { puts("note-from-the-program"); return 7; }
      `;
      const outcome = await engine.run(c(source));
      assertExit(outcome, 7);
      assert.equal(text(outcome.stdout), "note-from-the-program\n");
      assert.equal(text(outcome.stderr), "");
      assert.match(text(compileOf(outcome).stderr), /note-from-the-compiler/);
    },
  },
  {
    name: "compile-chunks",
    title: "says of each piece of output which step it is from",
    async run({ engine }) {
      const steps = new Map<string, string>();
      const source = '#include <stdio.h>\n#warning from-compiler\nint main(void) { puts("from-program"); return 0; }';
      const outcome = await engine.run(c(source), {
        onOutput: ({ step, stream, bytes: part }) =>
          steps.set(`${step} ${stream}`, (steps.get(`${step} ${stream}`) ?? "") + text(part)),
      });
      assertExit(outcome, 0);
      assert.match(steps.get("compile stderr") ?? "", /from-compiler/);
      assert.equal(steps.get("run stdout"), "from-program\n");
    },
  },
  {
    name: "compile-bomb",
    alone: true,
    belts: ["cgroup-memory"],
    title: "ends a compilation without end by the limits of the compile step",
    incident: 'compiler bombs: #include "/dev/zero", nested macros',
    async run({ engine }) {
      // Doubles 24 times; a compiler needs gigabytes or minutes for it, and has neither.
      const doublings = Array.from({ length: 24 }, (_, n) => `#define A${n + 1} A${n} A${n}`).join("\n");
      const source = `#define A0 x+\n${doublings}\nint main(void) { int x = 0; return A24 x; }`;
      const compileLimits = { wallTimeMs: 2_000, cpuTimeMs: 1_500, memoryBytes: 256 * 1024 * 1024 };
      const outcome = await engine.run(c(source, { compileLimits }));
      assertStatus(outcome, "compile_failed");
      const compile = compileOf(outcome);
      assert.ok(
        ["timed_out", "cpu_exceeded", "out_of_memory"].includes(compile.status),
        `compile: ${compile.status}; ${describeOutcome(outcome)}`,
      );
      assert.ok(compile.wallMs < 4_500, `took ${compile.wallMs} ms`);
    },
  },
  {
    name: "compile-reads-host",
    title: "does not let the compiler read the host's files",
    incident: "#include of a file of the host, read back from the error message",
    control: "fails",
    async run({ engine }) {
      const secret = newMarker();
      await using file = await createSecretFile(secret);
      const outcome = await engine.run(c(`#include "${file.path}"\nint main(void) { return 0; }`));
      assertStatus(outcome, "compile_failed");
      assert.ok(!text(compileOf(outcome).stderr).includes(secret), "the compiler showed the secret");
    },
  },
]);
