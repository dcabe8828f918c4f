/** What goes into a program and what comes out, byte for byte. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Check, checksOf } from "../check.ts";
import { assertExit, bash, bytes, code, describeOutcome, python, runReport, text } from "../programs.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, n) => n);
/** A repeating pattern whose period is no power of two, so that lost or doubled blocks show. */
const MEBIBYTE = Uint8Array.from({ length: 1024 * 1024 }, (_, n) => n % 251);

const ARGUMENTS = [
  "",
  " ",
  "a b",
  "$(touch hit)",
  "`touch hit`",
  "; touch hit",
  "&& touch hit",
  "| touch hit",
  "> hit",
  "a\nb",
  "*",
  "~",
  "$HOME",
  "--version",
  "-c",
  "--",
  "'\"\\",
  "\t",
  "é😀\u202e",
];

/** Group `io`: stdin, stdout, stderr, arguments. */
export const inputOutputChecks: readonly Check[] = checksOf("io", [
  {
    name: "stdin-binary",
    title: "gives the program its standard input byte for byte",
    async run({ engine }) {
      const outcome = await engine.run(bash("exec cat", { stdin: ALL_BYTES }));
      assertExit(outcome, 0);
      assert.deepEqual(Buffer.from(outcome.stdout), Buffer.from(ALL_BYTES));
    },
  },
  {
    name: "stdin-mebibyte",
    title: "gives the program one MiB of standard input",
    async run({ engine }) {
      const digest = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())";
      const outcome = await engine.run(python(digest, { stdin: MEBIBYTE }));
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout).trim(), createHash("sha256").update(MEBIBYTE).digest("hex"));
    },
  },
  {
    name: "stdin-echo",
    title: "reads output while it still writes input",
    incident: "both sides wait for each other when the pipes are full",
    async run({ engine }) {
      const outcome = await engine.run(
        bash("exec cat", { stdin: MEBIBYTE, limits: { stdoutBytes: 2 * MEBIBYTE.length } }),
      );
      assertExit(outcome, 0);
      assert.ok(Buffer.from(outcome.stdout).equals(Buffer.from(MEBIBYTE)), `${outcome.stdout.length} bytes came back`);
    },
  },
  {
    name: "stdin-absent",
    title: "gives an end of file at once when there is no standard input",
    async run({ engine }) {
      const outcome = await engine.run(
        python("import sys; print(repr(sys.stdin.read()))", { limits: { wallTimeMs: 5_000 } }),
      );
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "''\n");
    },
  },
  {
    name: "stdin-unread",
    title: "does not mind a program that never reads its standard input",
    async run({ engine }) {
      const outcome = await engine.run(bash("echo done", { stdin: MEBIBYTE }));
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "done\n");
    },
  },
  {
    name: "stdin-closed",
    title: "does not mind a program that closes its standard input half-way",
    incident: "EPIPE in the service",
    async run({ engine }) {
      const outcome = await engine.run(
        bash("head -c 10 | tr a-z A-Z; exec 0<&-; echo; echo done", { stdin: "abcdefghij".repeat(100_000) }),
      );
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "ABCDEFGHIJ\ndone\n");
    },
  },
  {
    name: "device-files",
    title: "offers /dev/stdin, /dev/stdout, /dev/stderr and /dev/null",
    async run({ engine }) {
      const source = code`
        cat /dev/stdin > /dev/stdout
        echo problem > /dev/stderr
        echo nothing > /dev/null
        head -c 4 /dev/zero | wc -c
        head -c 4 /dev/urandom | wc -c
      `;
      const outcome = await engine.run(bash(source, { stdin: "given\n" }));
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "given\n4\n4\n", describeOutcome(outcome));
      assert.equal(text(outcome.stderr), "problem\n");
    },
  },
  {
    name: "output-not-utf8",
    title: "gives output back byte for byte, NUL and invalid UTF-8 included",
    async run({ engine }) {
      const outcome = await engine.run(
        python("import os\nfor fd in (1, 2): os.write(fd, bytes(range(256)) + b'\\xff\\xfe')"),
      );
      assertExit(outcome, 0);
      const expected = Buffer.from([...ALL_BYTES, 0xff, 0xfe]);
      assert.deepEqual(Buffer.from(outcome.stdout), expected);
      assert.deepEqual(Buffer.from(outcome.stderr), expected);
    },
  },
  {
    name: "chunks",
    title: "gives through onOutput exactly what the outcome holds, stream by stream",
    async run({ engine }) {
      const source = code`
        import sys
        for n in range(2000):
            print("out", n, flush=n % 100 == 0)
            print("err", n, file=sys.stderr)
      `;
      const chunks = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
      const outcome = await engine.run(python(source), {
        onOutput: ({ stream, bytes: part }) => chunks[stream].push(Uint8Array.from(part)),
      });
      assertExit(outcome, 0);
      for (const stream of ["stdout", "stderr"] as const) {
        assert.ok(chunks[stream].length > 0, `no chunk of ${stream}`);
        assert.ok(
          Buffer.concat(chunks[stream]).equals(Buffer.from(outcome[stream])),
          `${stream} differs from its chunks`,
        );
      }
    },
  },
  {
    name: "chunks-cut",
    title: "gives nothing through onOutput beyond the limit",
    async run({ engine }) {
      let received = 0;
      const outcome = await engine.run(bash("exec yes", { limits: { stdoutBytes: 1_000, wallTimeMs: 5_000 } }), {
        onOutput: ({ bytes: part }) => void (received += part.length),
      });
      assert.equal(outcome.status, "output_exceeded", describeOutcome(outcome));
      assert.equal(received, 1_000);
    },
  },
  {
    name: "arguments",
    title: "passes arguments unchanged: metacharacters, newlines, empty, options, Unicode",
    incident: "shell injection through arguments",
    async run({ engine }) {
      const source = "import json, os, sys; print(json.dumps([sys.argv[1:], sorted(os.listdir())]))";
      const [received, files] = await runReport<[string[], string[]]>(engine, python(source, { args: ARGUMENTS }));
      assert.deepEqual(received, ARGUMENTS);
      assert.ok(!files.includes("hit"), "an argument was executed");
    },
  },
  {
    name: "arguments-many",
    title: "passes a thousand arguments",
    async run({ engine }) {
      const args = Array.from({ length: 1_000 }, (_, n) => `${n}`.repeat(20));
      const received = await runReport<string[]>(
        engine,
        python("import json, sys; print(json.dumps(sys.argv[1:]))", { args }),
      );
      assert.deepEqual(received, args);
    },
  },
  {
    name: "environment",
    title: "sets the variables of the spec, whatever their value",
    async run({ engine }) {
      const env = { GREETING: "hello", EMPTY: "", ODD: "a=b\n$(id) é😀 'x'" };
      const seen = await runReport<Record<string, string>>(
        engine,
        python("import json, os; print(json.dumps(dict(os.environ)))", { env }),
      );
      for (const [name, value] of Object.entries(env)) assert.equal(seen[name], value, name);
    },
  },
  {
    name: "environment-special",
    title: "sets variables that mean something to shells and loaders like any other",
    incident: "a launcher script that breaks on IFS, OPTIND or a read-only variable",
    async run({ engine }) {
      const env = {
        ...{ IFS: "/ac", PATH: "/nonexistent", OPTIND: "x", OPTARG: "y", PPID: "1", UID: "0", EUID: "0", RANDOM: "r" },
        ...{
          ENV: "/nonexistent",
          BASH_ENV: "/nonexistent",
          PS4: "$(id)",
          CDPATH: "/",
          HOME: "/nonexistent",
          LINENO: "z",
        },
        ...{ SHELLOPTS: "xtrace", POSIXLY_CORRECT: "1", LC_ALL: "xx_XX", TMPDIR: "/nonexistent", _: "underscore" },
      };
      const look = "import json, os; print(json.dumps({name: os.environ.get(name) for name in os.environ}))";
      const seen = await runReport<Record<string, string>>(engine, python(look, { env }));
      const wrong = Object.entries(env).filter(([name, value]) => seen[name] !== value && name !== "_");
      assert.deepEqual(wrong, []);
    },
  },
  {
    name: "writable-places",
    title: "lets the program make, run, rename and remove files in its working directory, HOME and /tmp",
    async run({ engine }) {
      const source = code`
        set -e
        for place in "$PWD" "$HOME" /tmp; do
          cd "$place"
          mkdir -p one/two
          echo content > one/two/file
          mv one/two/file one/renamed
          ln -s renamed one/link
          test "$(cat one/link)" = content
          chmod 600 one/renamed
          rm -r one
        done
        cd "$OLDPWD"; cd - > /dev/null
        test -n "$HOME" -a "$HOME" != /
      `;
      assertExit(await engine.run(bash(source)), 0);
    },
  },
  {
    name: "own-script",
    title: "lets a program run a file that it made itself in its working directory",
    async run({ engine }) {
      const outcome = await engine.run(
        bash("printf '#!/bin/sh\\necho made\\n' > made.sh; chmod +x made.sh; ./made.sh"),
      );
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "made\n");
    },
  },
  {
    name: "files",
    title: "lays out files in directories, with any bytes and awkward names, and starts the named entry",
    async run({ engine }) {
      const awkward = ["-rf", "with space.txt", "line\nbreak", "$(id)", "data/é😀.bin", "..hidden", "a.b..c"];
      const main = code`
        import json, os
        names = []
        for folder, _, files in os.walk("."):
            names += [os.path.relpath(os.path.join(folder, file), ".") for file in files if not file.endswith(".pyc")]
        content = open("data/é😀.bin", "rb").read()
        print(json.dumps([sorted(names), list(content)]))
      `;
      const spec = python("print('the wrong file')");
      const files = [
        ...awkward.map((path) => ({ path, content: ALL_BYTES })),
        { path: "app/start.py", content: bytes(main) },
        ...spec.files,
      ];
      const [names, content] = await runReport<[string[], number[]]>(engine, { ...spec, files, entry: "app/start.py" });
      assert.deepEqual(new Set(names), new Set([...awkward, "app/start.py", "main.py"]));
      assert.deepEqual(content, [...ALL_BYTES]);
    },
  },
  {
    name: "files-many",
    title: "takes many files, large files and empty files",
    async run({ engine }) {
      const digest = code`
        import hashlib, json, os
        names = sorted(name for name in os.listdir("data"))
        print(json.dumps([len(names), hashlib.sha256(b"".join(open(f"data/{name}", "rb").read() for name in names)).hexdigest()]))
      `;
      const spec = python(digest);
      const data = Array.from({ length: 100 }, (_, n) => ({
        path: `data/${String(n).padStart(3, "0")}`,
        content:
          n === 7
            ? new Uint8Array(6 * 1024 * 1024).fill(7)
            : n % 3 === 0
              ? new Uint8Array()
              : MEBIBYTE.subarray(0, n * 1000),
      }));
      const expected = createHash("sha256");
      for (const { content } of data) expected.update(content);
      const [count, hash] = await runReport<[number, string]>(engine, { ...spec, files: [...spec.files, ...data] });
      assert.equal(count, data.length);
      assert.equal(hash, expected.digest("hex"));
    },
  },
  {
    name: "entry-like-option",
    title: "starts an entry whose name looks like an option of the interpreter",
    incident: "option injection through file names",
    async run({ engine }) {
      const outcome = await engine.run({
        language: "python",
        files: [{ path: "-V.py", content: bytes("print('started')") }],
      });
      assertExit(outcome, 0);
      assert.equal(text(outcome.stdout), "started\n");
    },
  },
]);
