/** Links, descriptors and processes as ways to the host's files. */
import assert from "node:assert/strict";
import { open, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Check, checksOf } from "../check.ts";
import { halves, newMarker, startMarked } from "../host/marked-process.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { assertExit, bash, code, python, runReport } from "../programs.ts";

/** Group `files`: links, descriptors, processes. */
export const leakChecks: readonly Check[] = checksOf("files", [
  {
    name: "planted-links",
    title: "never follows links that the program planted where the host may write, own or delete",
    incident: "CVE-2024-28185 and CVE-2024-28189: Judge0 wrote and chowned through a planted symlink",
    async run({ engine }) {
      await using victim = await createSecretFile("untouched");
      // Without isolation they are the host's own places.
      const link = newMarker();
      await using planted = new AsyncDisposableStack();
      for (const place of [homedir(), "/tmp", "/dev/shm"]) planted.defer(() => rm(join(place, link), { force: true }));
      const before = await victim.fingerprint();
      const plant = code`
        victim=$1; folder=$2; link=$3
        for name in main.sh run run_script compile_script stdin stdout stderr stdout.txt stderr.txt out output result.json metadata .box box core prog a.out; do
          rm -rf "$name"; ln -s "$victim" "$name" 2>/dev/null
        done
        for place in "$HOME" /tmp /dev/shm; do ln -sfn "$folder" "$place/$link"; done
        cd ..; mv "$OLDPWD" "$OLDPWD-moved" 2>/dev/null && ln -s "$folder" "$OLDPWD"
        exit 0
      `;
      for (let round = 0; round < 2; round += 1) {
        assertExit(await engine.run(bash(plant, { args: [victim.path, victim.directory, link] })), 0);
      }
      assert.equal(await victim.fingerprint(), before);
      assertExit(await engine.run(bash("true")), 0);
    },
  },
  {
    name: "descriptors",
    title: "opens nothing but 0, 1 and 2 for the program, and those are streams",
    incident: "CVE-2024-21626: a leaked descriptor of the host's file system",
    async run({ engine }) {
      const list = code`
        import json, os, stat
        own = {}
        for fd in os.listdir("/proc/self/fd"):
            try: mode = os.fstat(int(fd)).st_mode
            except OSError: continue
            kind = "stream" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else os.readlink(f"/proc/self/fd/{fd}")
            own[fd] = kind if int(fd) < 3 else os.readlink(f"/proc/self/fd/{fd}")
        print(json.dumps(own))
      `;
      const own = await runReport<Record<string, string>>(engine, python(list));
      assert.deepEqual(own, { 0: own["0"], 1: "stream", 2: "stream" });
      assert.ok(own["0"] === "stream" || own["0"] === "/dev/null", own["0"]);
    },
  },
  {
    name: "descriptors-of-others",
    title: "shows no open file of the host through any process's descriptors, not even a deleted one",
    incident: "a helper process of the sandbox that keeps a file of the host open",
    control: "fails",
    async run({ engine }) {
      const secret = newMarker();
      const file = await createSecretFile(secret);
      await using _open = await open(file.path);
      // From here on the descriptor is the only way to it.
      await file[Symbol.asyncDispose]();
      const search = code`
        import json, os, stat, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            try: fds = os.listdir(f"/proc/{pid}/fd")
            except OSError: continue
            for fd in fds:
                path = f"/proc/{pid}/fd/{fd}"
                try:
                    if stat.S_ISREG(os.stat(path).st_mode) and wanted in open(path, "rb").read(200): found.append(path)
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(secret) })), []);
    },
  },
  {
    name: "host-processes",
    title: "does not show the host's processes, their arguments and environment",
    control: "fails",
    async run({ engine }) {
      const marker = newMarker();
      await using _host = await startMarked(marker);
      const search = code`
        import json, os, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for file in ("cmdline", "environ"):
                try:
                    if wanted in open(f"/proc/{pid}/{file}", "rb").read(): found.append(f"{pid} {file}")
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(marker) })), []);
    },
  },
]);
