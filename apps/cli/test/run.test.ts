import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crucible, start } from "./crucible.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-run-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function program(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

/** Command lines of all processes that hold this text. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const lines = await Promise.all(
    pids.map(async (pid) => await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.includes(text));
}

describe("stands in for the interpreter", () => {
  test("passes input, arguments, output and exit code through, byte for byte", async () => {
    const file = await program(
      "echo.py",
      "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\nprint(sys.argv[1:], file=sys.stderr)\nsys.exit(42)\n",
    );
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256));
    const args = ["--json", "-x", "a b", "$(id)", ""];
    const ended = await crucible(["run", file, "--", ...args], { stdin: bytes });
    expect(ended.bytes.equals(bytes)).toBe(true);
    expect(ended.stderr).toBe("['--json', '-x', 'a b', '$(id)', '']\n");
    expect(ended.code).toBe(42);
  });

  test("does the same as python3 itself for a program that fails", async () => {
    const file = await program("fails.py", "print('before')\nraise SystemExit('what went wrong')\n");
    const bare = spawnSync("python3", [file], { encoding: "utf8" });
    expect(await crucible(["run", file])).toMatchObject({
      code: bare.status,
      stdout: bare.stdout,
      stderr: bare.stderr,
    });
  });

  test("tells of a program that gives its decoy away, after the program's own words", async () => {
    const file = await program("leaks.py", "import os\nprint(os.environ['AWS_SECRET_ACCESS_KEY'][::-1])\n");
    const ended = await crucible(["run", file]);
    expect(ended).toMatchObject({ code: 0, stderr: "crucible: behaviour score 60 of 100: canary in output\n" });
    const json = JSON.parse((await crucible(["run", "--json", file])).stdout) as { behaviourScore: number };
    expect(json.behaviourScore).toBe(60);
  });

  test("output comes while the program runs, not at its end", async () => {
    const file = await program("waits.py", "import time\nprint('first', flush=True)\ntime.sleep(60)\n");
    const running = start(["run", file]);
    await running.sees("first");
    running.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
  });

  test("a reader that goes away stops the program", async () => {
    const file = await program("yes.sh", "while echo y; do :; done\n");
    const main = join(import.meta.dirname, "..", "src", "main.ts");
    const line = `"$0" "$1" run "$2" --limit stdoutBytes=16MiB | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = spawnSync("bash", ["-c", line, process.execPath, main, file], {
      encoding: "utf8",
      env: { ...process.env, CRUCIBLE_URL: "" },
    });
    expect(stdout).toBe("y\n141\n");
  });

  test("takes the program from standard input", async () => {
    const ended = await crucible(["run", "-l", "python", "-", "x"], { stdin: "import sys; print(sys.argv[1] * 3)" });
    expect(ended).toMatchObject({ code: 0, stdout: "xxx\n" });
  });

  test("--no-stdin does not wait for an input that stays open", async () => {
    const file = await program("reads.py", "import sys\nprint(repr(sys.stdin.read()))\n");
    const ended = await crucible(["run", "--no-stdin", file], { stdin: null });
    expect(ended).toMatchObject({ code: 0, stdout: "''\n" });
  });

  test("takes other files along, where they lie beside the program", async () => {
    await mkdir(join(directory, "lib"), { recursive: true });
    await program("lib/words.py", "HELLO = 'hello from beside'\n");
    const file = await program("main.py", "from lib.words import HELLO\nprint(HELLO)\n");
    const ended = await crucible(["run", file, "--file", join(directory, "lib", "words.py")]);
    expect(ended).toMatchObject({ code: 0, stdout: "hello from beside\n" });
  });

  test("nothing of the own environment gets in but what --env gives", async () => {
    const file = await program("env.py", "import os\nprint(os.environ.get('GIVEN'), os.environ.get('SECRET'))\n");
    const ended = await crucible(["run", file, "--env", "GIVEN=a=b c"], { env: { SECRET: "x" } });
    expect(ended.stdout).toBe("a=b c None\n");
  });
});

describe("exit codes", () => {
  test.each([
    ["segv.c", "int main(void) { volatile int *p = 0; return *p; }\n", [], 139, ""],
    ["slow.py", "import time\ntime.sleep(60)\n", ["--limit", "wallTimeMs=0.5s"], 124, "crucible: timed out"],
    ["spin.py", "while True: pass\n", ["--limit", "cpuTimeMs=500ms"], 152, "crucible: cpu exceeded"],
    [
      "hog.py",
      "x = []\nwhile True: x.append(bytearray(2**22))\n",
      ["--limit", "memoryBytes=64MiB"],
      137,
      "crucible: out of memory",
    ],
    ["loud.sh", "yes\n", ["--limit", "stdoutBytes=1KiB"], 141, "crucible: output exceeded"],
    ["bad.c", "int main(void) { return x; }\n", [], 1, "error: "],
  ])("%s", async (name, text, options, code, stderr) => {
    const ended = await crucible(["run", await program(name, text), ...options]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(stderr);
  });

  test.each([
    [["run", "nope.py"], /^crucible: there is no .*nope\.py\nnext: check the path\n$/],
    [
      ["run", "nope.py", "--limt", "x"],
      /unknown option '--limt'\nnext: did you mean --limit\? see crucible run --help/,
    ],
    [["run", "--limit", "wallTime=1", "x.py"], /there is no limit "wallTime"\nnext: did you mean wallTimeMs/],
    [["run", "--engine", "none-such", "main.py"], /there is no engine "none-such"\nnext: there are: /],
    [["run", "--at-least", "microvm", "main.py"], /reaches isolation microvm\n/],
    [
      ["run", "--engine", "subprocess", "main.py"],
      /engine subprocess does not work here: .*no isolation\nnext: set CRUCIBLE_ALLOW_UNSAFE=1/,
    ],
    [["run", "--limit", "memoryBytes=900GiB", "main.py"], /the maximum here is .*\nnext: change limits\.memoryBytes/],
    [["run", "."], /no extension|that is a directory\nnext: name a file in it\n$/],
    [["run"], /missing required argument 'file'\nnext: see crucible run --help/],
  ] as const)("%j is our own failure: 125 and two lines", async (args, message) => {
    await program("main.py", "print(1)\n");
    const { code, stderr, stdout } = await crucible(args, { cwd: directory });
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });
});

test("without isolation only where both the request and the operator say so", async () => {
  const file = await program("unsafe.py", "print('ran')\n");
  const env = { CRUCIBLE_ALLOW_UNSAFE: "1" };
  const standard = await crucible(["run", file, "--json"], { env });
  expect(JSON.parse(standard.stdout)).toMatchObject({ isolation: "namespace" });
  const asked = await crucible(["run", file, "--json", "--engine", "subprocess"], { env });
  expect(JSON.parse(asked.stdout)).toMatchObject({ isolation: "none", stdout: "ran\n" });
});

test("--json gives the outcome and keeps the output out of the way", async () => {
  const { code, stdout, stderr } = await crucible([
    "run",
    await program("j.py", "print('hi')\nraise SystemExit(5)\n"),
    "--json",
  ]);
  expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    id: null,
    status: "exited",
    exitCode: 5,
    stdout: "hi\n",
    isolation: "namespace",
  });
});

/** A program that starts background processes, told apart from all others by how long they sleep. */
async function lingering(seconds: string): Promise<string> {
  return await program(
    `lingers-${seconds}.sh`,
    `setsid sleep ${seconds} &\nsleep ${seconds} &\necho started\nsleep ${seconds}\n`,
  );
}
const sleeping = async (seconds: string): Promise<number> => (await processesWith(`sleep\0${seconds}`)).length;

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends the program and leaves no process", async (signal) => {
  const seconds = `${3600 + signal.length}.${process.pid}`;
  const running = start(["run", await lingering(seconds)]);
  await running.sees("started");
  await expect.poll(async () => await sleeping(seconds), { timeout: 10_000 }).toBe(3);
  running.kill(signal);
  expect((await running.ended).code).toBe(130);
  expect(await sleeping(seconds)).toBe(0);
});

test("SIGKILL leaves no process either", async () => {
  const seconds = `3700.${process.pid}`;
  const running = start(["run", await lingering(seconds)]);
  await running.sees("started");
  await expect.poll(async () => await sleeping(seconds), { timeout: 10_000 }).toBe(3);
  running.kill("SIGKILL");
  expect((await running.ended).code).toBeNull();
  await expect.poll(async () => await sleeping(seconds), { timeout: 10_000 }).toBe(0);
});

test("a listing whose reader goes away ends without a stack trace", () => {
  const main = join(import.meta.dirname, "..", "src", "main.ts");
  const { stdout, stderr } = spawnSync(
    "bash",
    ["-c", `"$0" "$1" languages | true; echo "\${PIPESTATUS[0]}"`, process.execPath, main],
    {
      encoding: "utf8",
      env: { ...process.env, CRUCIBLE_URL: "" },
    },
  );
  expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
});

describe("a network", () => {
  const NO_LIST = { CRUCIBLE_NETWORK_ALLOW: "" };

  test("is had only within the operator's list, and a denied request is told in the outcome", async () => {
    const file = await program(
      "asks.py",
      "import urllib.request\ntry: urllib.request.urlopen('http://elsewhere.example/')\nexcept OSError as error: print(error)\n",
    );
    const refused = await crucible(["run", "--allow-host", "pypi.org:443", file], { env: NO_LIST });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("network.allow[0] is pypi.org:443; here no run has a network");
    expect(refused.stderr).toContain("CRUCIBLE_NETWORK_ALLOW");
    const ran = await crucible(["run", "--json", "--allow-host", "pypi.org:443", file], {
      env: { CRUCIBLE_NETWORK_ALLOW: "pypi.org:443" },
    });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      stdout: "HTTP Error 403: Forbidden\n",
      network: { deniedCount: 1, requests: [{ host: "elsewhere.example", port: 80, reason: "not_allowed" }] },
    });
  });
});

describe("--out", () => {
  test("writes what the program left in out, and says what it left out", async () => {
    const file = await program(
      "makes.py",
      "import os\nos.mkdir('out/sub')\nopen('out/sub/x', 'wb').write(b'\\xff\\x00')\nos.symlink('/etc/passwd', 'out/link')\nraise SystemExit(3)\n",
    );
    const out = join(directory, "results");
    const ran = await crucible(["run", "--out", out, file]);
    expect(ran).toMatchObject({ code: 3, stdout: "" });
    expect(ran.stderr).toBe('crucible: left out "link": a symbolic link\n');
    expect(await readdir(out, { recursive: true })).toEqual(["sub", "sub/x"]);
    expect([...(await readFile(join(out, "sub/x")))]).toEqual([0xff, 0x00]);
  });

  test("refuses a directory that holds something before it runs the program", async () => {
    const file = await program("writes.py", "print('ran')\nopen('out/x', 'w').write('x')\n");
    const out = join(directory, "used");
    await mkdir(out);
    await writeFile(join(out, "mine"), "mine");
    const refused = await crucible(["run", "--out", out, file]);
    expect(refused).toMatchObject({ code: 125, stdout: "" });
    expect(refused.stderr).toContain("is not empty");
    const json = await crucible(["run", "--json", "--out", join(directory, "json"), file]);
    expect(JSON.parse(json.stdout)).toMatchObject({ artifacts: { files: [{ path: "x", content: "x" }] } });
    expect(await readdir(join(directory, "json"))).toEqual(["x"]);
  });
});
