/** Programs that try to use up memory, in every way that there is to take it. Each caps itself. */
import assert from "node:assert/strict";
import { type Check, type CheckDefinition, checksOf } from "../check.ts";
import type { Engine } from "../../types.ts";
import { whileHostResponds } from "../host/responsiveness.ts";
import { assertStatus, code, describeOutcome, python, text } from "../programs.ts";
import { MiB, noCgroup } from "./contained.ts";

/** On `wasm` the peak is that of the whole process: the limit holds what the program adds to the interpreter. */
const interpreterBytes = ({ isolation }: Engine): number => (isolation === "wasm" ? 256 * MiB : 0);

/** Group `resources`: memory. */
export const memoryBombChecks: readonly Check[] = checksOf("resources", [
  {
    name: "memory-bomb",
    belts: ["cgroup-memory"],
    title: "stops a program that takes all the memory it can get",
    control: noCgroup,
    async run({ engine }) {
      const grow = "kept = []\nfor _ in range(256): kept.append(b'x' * (8 << 20))\nprint('took 2 GiB')";
      const limits = { memoryBytes: 96 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(grow, { limits })));
      assertStatus(outcome, "out_of_memory");
      const peak = outcome.peakMemoryBytes;
      const most = limits.memoryBytes + 4 * MiB + interpreterBytes(engine);
      assert.ok(peak !== null && peak > 32 * MiB && peak <= most, `peak ${peak} bytes`);
    },
  },
  {
    name: "memory-of-children",
    belts: ["cgroup-memory"],
    title: "counts the memory of all processes together",
    incident: "RLIMIT_AS alone: each child gets the whole limit again",
    control: noCgroup,
    async run({ engine }) {
      const share = code`
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                kept = b"x" * (40 << 20)
                time.sleep(1)
                os._exit(0)
        codes = [os.wait()[1] for _ in range(6)]
        print("all lived" if not any(codes) else "some died")
      `;
      const outcome = await whileHostResponds(() =>
        engine.run(python(share, { limits: { memoryBytes: 96 * MiB, wallTimeMs: 8_000 } })),
      );
      assert.ok(!text(outcome.stdout).includes("all lived"), "240 MiB fitted into 96 MiB");
      assert.ok(outcome.limitsHit.includes("memoryBytes"), describeOutcome(outcome));
    },
  },
  ...["/dev/shm", "/tmp"].map((directory): CheckDefinition => ({
    name: `memory-of-files-${directory.split("/").at(-1)}`,
    title: `counts files in ${directory} as memory`,
    belts: ["cgroup-memory"],
    incident: "memory limit circumvented through a tmpfs",
    control: noCgroup,
    async run({ engine }) {
      const fill = code`
          with open("${directory}/fill", "wb") as file:
              for _ in range(192): file.write(b"x" * (1 << 20))
          print("wrote everything")
        `;
      const limits = { memoryBytes: 64 * MiB, diskBytes: 256 * MiB, fileSizeBytes: 256 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(fill, { limits })));
      assert.equal(text(outcome.stdout), "", "192 MiB of files fitted into 64 MiB of memory");
      assertStatus(outcome, "out_of_memory");
    },
  })),
  {
    name: "memory-of-memfd",
    belts: ["cgroup-memory"],
    title: "counts files that exist in memory only",
    incident: "memory limit circumvented through memfd_create or shared mappings",
    control: noCgroup,
    async run({ engine }) {
      const fill = code`
        import mmap, os
        try: fd = os.memfd_create("fill")
        except OSError: fd = None
        if fd is not None:
            for _ in range(96): os.write(fd, b"x" * (1 << 20))
        shared = mmap.mmap(-1, 96 << 20)
        for at in range(0, 96 << 20, 4096): shared[at] = 1
        print("took everything")
      `;
      const limits = { memoryBytes: 64 * MiB, fileSizeBytes: 256 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(fill, { limits })));
      assert.equal(text(outcome.stdout), "", "192 MiB fitted into 64 MiB of memory");
      assertStatus(outcome, "out_of_memory");
    },
  },
  {
    name: "memory-peak",
    belts: ["cgroup-memory"],
    title: "reports the peak of memory, near to what the program took",
    async run({ engine }) {
      const limits = { memoryBytes: 256 * MiB };
      const [small, large] = [
        await engine.run(python("pass", { limits })),
        await engine.run(python("b'x' * (100 << 20)", { limits })),
      ];
      assert.ok(small.peakMemoryBytes !== null && large.peakMemoryBytes !== null, "not measured");
      assert.ok(
        small.peakMemoryBytes < 80 * MiB + interpreterBytes(engine),
        `an empty program took ${small.peakMemoryBytes}`,
      );
      const grown = large.peakMemoryBytes - small.peakMemoryBytes;
      assert.ok(grown > 80 * MiB && grown < 140 * MiB, `100 MiB showed as ${grown} bytes`);
    },
  },
]);
