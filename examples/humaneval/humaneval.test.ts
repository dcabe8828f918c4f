import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute } from "../execute.ts";
import { startCrucible } from "../start-crucible.ts";
import type { OwnCrucible } from "../start-crucible.ts";
import type { Task } from "./tasks.ts";

const RUN = join(import.meta.dirname, "run.ts");
const REAL_FILE = process.env["CRUCIBLE_HUMANEVAL_FILE"];
let server: OwnCrucible;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-humaneval-"));
  server = await startCrucible();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const task = (name: string, given: Partial<Task>): Task => ({
  task_id: `Own/${name}`,
  prompt: `def ${name}(x):\n    """ Returns what it says. """\n`,
  entry_point: name,
  canonical_solution: "    return x\n",
  test: "def check(candidate):\n    assert candidate(1) == 1\n",
  ...given,
});

/** Written for this test, in the format of HumanEval. */
const TASKS: readonly Task[] = [
  task("double", {
    canonical_solution: "    return 2 * x\n",
    test: "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate(3) == 6\n    assert candidate(-1) == -2\n",
  }),
  task("prints_a_lot", {
    canonical_solution: "    print('noise, and no newline', end='')\n    return x\n",
  }),
  task("decode", {
    prompt:
      "from typing import List\n\n\ndef encode(text: str) -> List[int]:\n    return [ord(c) + 1 for c in text]\n\n\n" +
      'def decode(numbers: List[int]) -> str:\n    """ Undoes encode. é\n    >>> decode(encode("ž"))\n    \'ž\'\n    """\n',
    canonical_solution: "    return ''.join(chr(n - 1) for n in numbers)\n",
    test: "def check(candidate):\n    for text in ['', 'abc', 'ž漢']:\n        assert candidate(encode(text)) == text\n",
  }),
  task("generator", {
    canonical_solution: "    yield from range(x)\n",
    test: "def check(candidate):\n    assert list(candidate(3)) == [0, 1, 2]\n",
  }),
  task("is_positive", {
    canonical_solution: "    return x > 0\n",
    test: "def check(candidate):\n    assert candidate(1)\n    assert not candidate(-1)\n",
  }),
];

interface Report {
  readonly tasks: number;
  readonly referencePassed: number;
  readonly brokenPassed: number;
  readonly wrong: readonly { readonly task: string; readonly variant: string; readonly status: string }[];
}

async function evaluate(tasks: readonly Task[] | string, ...options: string[]) {
  const file = join(directory, "tasks.jsonl");
  const content = typeof tasks === "string" ? tasks : tasks.map((one) => `${JSON.stringify(one)}\n`).join("");
  await writeFile(file, options.includes("gzip") ? gzipSync(content) : content);
  const given = options.filter((option) => option !== "gzip");
  const executed = await execute([process.execPath, RUN, file, "--json", "--url", server.url, ...given], {
    env: { CRUCIBLE_API_KEY: server.apiKey },
  });
  return { ...executed, report: executed.stdout === "" ? null : (JSON.parse(executed.stdout) as Report) };
}

describe("tasks in the format of HumanEval", () => {
  test("all references pass and nothing broken does", async () => {
    const { code, report } = await evaluate(TASKS, "gzip", "--concurrency", "3");
    expect(report).toMatchObject({ tasks: 5, referencePassed: 5, brokenPassed: 0, wrong: [] });
    expect(code).toBe(0);
  });

  test("a wrong solution is found", async () => {
    const { code, report } = await evaluate([task("wrong", { canonical_solution: "    return x + 1\n" })]);
    expect(report).toMatchObject({
      referencePassed: 0,
      wrong: [{ task: "Own/wrong", variant: "reference", status: "exited" }],
    });
    expect(code).toBe(1);
  });

  test("a test so weak that None passes is found", async () => {
    const { code, report } = await evaluate([task("weak", { test: "def check(candidate):\n    candidate(1)\n" })]);
    expect(report).toMatchObject({ brokenPassed: 1, wrong: [{ variant: "broken" }] });
    expect(code).toBe(1);
  });

  test.each([
    ["sys.exit", "    import sys\n    sys.exit(0)\n"],
    ["os._exit", "    import os\n    os._exit(0)\n"],
    ["reading the proof", "    import sys\n    print(sys.stdin.read())\n    raise SystemExit(0)\n"],
    [
      "looking for the proof",
      "    import os, sys\n    print(sys.argv, os.environ, open('main.py').read())\n    os._exit(0)\n",
    ],
  ])("a solution that ends the process with success before the tests, by %s, does not pass", async (_, body) => {
    const { report } = await evaluate([task("cheat", { canonical_solution: body })]);
    expect(report?.referencePassed).toBe(0);
  });

  test("a solution that never ends does not pass, and its status says why", async () => {
    const slow = task("slow", {
      canonical_solution: "    while True:\n        pass\n",
    });
    const { report } = await evaluate([slow], "--seconds", "2");
    expect(report?.wrong[0]?.status).toMatch(/^(cpu_exceeded|timed_out)$/);
  });
});

test.each([
  ["{", "line 1 is not JSON"],
  ['\n{"task_id":"x"}', "line 2 has no text in prompt"],
])("a file that is none is refused by line: %j", async (content, message) => {
  const { code, stderr } = await evaluate(content);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test("without a file it says how to call it", async () => {
  const { code, stderr } = await execute([process.execPath, RUN]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("usage: ") as string });
});

test("the real file: 164 of 164 references pass, 0 of 164 broken ones", { timeout: 600_000 }, async (context) => {
  context.skip(
    REAL_FILE === undefined,
    "CRUCIBLE_HUMANEVAL_FILE does not name a HumanEval file (github.com/openai/human-eval)",
  );
  const { code, stdout } = await execute([process.execPath, RUN, REAL_FILE ?? "", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ tasks: 164, referencePassed: 164, brokenPassed: 0, wrong: [] });
  expect(code).toBe(0);
});
