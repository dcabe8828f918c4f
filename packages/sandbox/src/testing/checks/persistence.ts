/** Each run starts from nothing. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Check, checksOf } from "../check.ts";
import { newMarker } from "../host/marked-process.ts";
import { code, python, runReport } from "../programs.ts";

const PLACES = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/dev", "/dev/mqueue", "/var", "/etc", "/"];

/** Group `files`: nothing lasts. */
export const persistenceChecks: readonly Check[] = checksOf("files", [
  {
    name: "nothing-lasts",
    title: "shows a run no file of an earlier run, wherever that wrote",
    incident: "/dev/shm shared by all sandboxes as a side channel (isolate 2.6)",
    control: "fails",
    async run({ engine }) {
      const name = newMarker();
      const write = code`
        import json, os, sys
        written = []
        for folder in (os.getcwd(), os.path.dirname(os.getcwd()), os.environ.get("HOME", "/"), *sys.argv[2:]):
            try:
                with open(os.path.join(folder, sys.argv[1]), "w") as file: file.write("left")
                written.append(folder)
            except OSError:
                pass
        print(json.dumps(written))
      `;
      const search = code`
        import json, os, sys
        # The system directories are read-only, which another check proves; they take long to walk.
        skipped = {"/proc", "/sys", "/usr", "/lib", "/lib64"}
        found = []
        for folder, below, files in os.walk("/"):
            if folder in skipped or folder.count("/") > 3: below.clear()
            if sys.argv[1] in files: found.append(folder)
        found += [folder for folder in sys.argv[2:] if os.path.lexists(os.path.join(folder, sys.argv[1]))]
        print(json.dumps(found))
      `;
      try {
        const written = await runReport<string[]>(engine, python(write, { args: [name, ...PLACES] }));
        assert.ok(written.length >= 3, `could write only to ${written.join(", ")}`);
        // More than once: a later run may get another slot than the first.
        for (let round = 0; round < 3; round += 1) {
          assert.deepEqual(await runReport<string[]>(engine, python(search, { args: [name, ...written] })), []);
        }
      } finally {
        await Promise.all([...PLACES, homedir()].map((folder) => rm(join(folder, name), { force: true })));
      }
    },
  },
  {
    name: "own-files-fresh",
    title: "gives each run its own files afresh, also after a run that destroyed them",
    async run({ engine }) {
      const spec = python(
        "import json, os; print(json.dumps(sorted(os.listdir()))); os.remove('main.py'); os.chmod('.', 0)",
      );
      for (let round = 0; round < 3; round += 1) {
        assert.deepEqual(await runReport<string[]>(engine, spec), ["main.py"]);
      }
    },
  },
]);
