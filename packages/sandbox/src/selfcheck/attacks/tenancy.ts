/** One run against another. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../../testing/check.ts";
import { startHeldRun } from "../../testing/checks/held-run.ts";
import { newMarker } from "../../testing/host/marked-process.ts";
import { code, python, runReport } from "../../testing/programs.ts";

/** Attacks of the group `tenancy`. */
export const tenancyAttacks: readonly Check[] = checksOf("tenancy", [
  {
    name: "abstract-socket",
    title: "does not let two runs meet on an abstract Unix socket",
    incident: "CVE-2020-15257 class: abstract sockets belong to the network namespace",
    control: "fails",
    async run({ engine }) {
      const name = newMarker();
      const listen = code`
        import socket, sys
        server = socket.socket(socket.AF_UNIX)
        server.bind("\0" + sys.argv[1])
        server.listen()
      `;
      const meet = code`
        import json, socket, sys
        try:
            socket.socket(socket.AF_UNIX).connect("\0" + sys.argv[1])
            print(json.dumps("met"))
        except OSError as error: print(json.dumps(type(error).__name__))
      `;
      const other = await startHeldRun(engine, { args: [name] }, listen);
      try {
        assert.notEqual(await runReport<string>(engine, python(meet, { args: [name] })), "met");
      } finally {
        await other.release();
      }
    },
  },
  {
    name: "loopback",
    title: "does not let two runs meet on a port of 127.0.0.1",
    incident: "services of one submission reached by another (shared network namespace of a pod)",
    control: "fails",
    async run({ engine }) {
      const port = 20_000 + Math.floor(Math.random() * 10_000);
      const listen = code`
        import socket, sys
        server = socket.socket()
        server.bind(("127.0.0.1", int(sys.argv[1])))
        server.listen()
      `;
      const meet = code`
        import json, socket, sys
        client = socket.socket()
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", int(sys.argv[1])))
            print(json.dumps("met"))
        except OSError as error: print(json.dumps(type(error).__name__))
      `;
      const other = await startHeldRun(engine, { args: [`${port}`] }, listen);
      try {
        assert.notEqual(await runReport<string>(engine, python(meet, { args: [`${port}`] })), "met");
      } finally {
        await other.release();
      }
    },
  },
  {
    name: "same-place-again",
    title: "shows a run in the same slot no environment, file or process of the run before",
    incident: "a sandbox used twice: state of one submission in the next (Open Interpreter, Jupyter kernels)",
    control: "fails",
    async run({ engine }) {
      const marker = newMarker();
      const leave = code`
        import os, subprocess, sys
        for place in (".", "/tmp", "/dev/shm", os.environ.get("HOME", ".")):
            try: open(os.path.join(place, sys.argv[1]), "w").close()
            except OSError: pass
        print("{}")
      `;
      const look = code`
        import json, os, sys
        found = []
        for place in ("/tmp", "/dev/shm", "/var/tmp", os.environ.get("HOME", ".")):
            try: found += [os.path.join(place, name) for name in os.listdir(place) if name == sys.argv[1]]
            except OSError: pass
        if len(sys.argv) > 2:
            for path in found: os.unlink(path)
        print(json.dumps(found))
      `;
      try {
        for (let round = 0; round < 3; round += 1) {
          await runReport<object>(engine, python(leave, { args: [marker] }));
          assert.deepEqual(await runReport<string[]>(engine, python(look, { args: [marker] })), []);
        }
      } finally {
        // Where there is no isolation, the files are the host's: away with them.
        await engine.run(python(look, { args: [marker, "remove"] }));
      }
    },
  },
]);
