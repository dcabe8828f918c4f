/** Further ways to use up the host; each is bounded by itself, whatever the engine does. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../../testing/check.ts";
import { assertContained, MiB, noCgroup } from "../../testing/checks/contained.ts";
import { code, python, runReport } from "../../testing/programs.ts";

/** Attacks of the group `resources`. */
export const resourceAttacks: readonly Check[] = checksOf("resources", [
  {
    name: "system-v-memory",
    title: "counts System V shared memory as memory",
    incident: "memory limit circumvented through shmget, which outlives the process",
    control: noCgroup,
    belts: ["cgroup-memory"],
    async run({ engine }) {
      const attack = code`
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        size = 16 * 1024 * 1024
        for _ in range(16):
            segment = libc.shmget(0, size, 0o1600)
            if segment < 0: raise SystemExit(0)
            address = libc.shmat(segment, None, 0)
            libc.shmctl(segment, 0, None)
            ctypes.memset(address, 1, size)
        print("took 256 MiB")
      `;
      const outcome = await engine.run(python(attack, { limits: { memoryBytes: 64 * MiB, wallTimeMs: 8_000 } }));
      assertContained(outcome);
      assert.ok(!Buffer.from(outcome.stdout).includes("took"), "256 MiB were taken within a limit of 64 MiB");
    },
  },
  {
    name: "sparse-file",
    title: "holds a sparse file at the largest size that a file may have",
    incident: "decompression bomb that claims a terabyte and takes no block",
    async run({ engine }) {
      const attack = code`
        import json, os, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        handle = os.open("sparse", os.O_CREAT | os.O_RDWR)
        try: os.ftruncate(handle, 1 << 40)
        except OSError: pass
        print(json.dumps(os.fstat(handle).st_size))
      `;
      const limits = { fileSizeBytes: 1 * MiB };
      const size = await runReport<number>(engine, python(attack, { limits }));
      assert.ok(size <= 1 * MiB, `a file of ${size} bytes was made within a limit of 1 MiB`);
    },
  },
  {
    name: "socket-buffers",
    title: "counts what waits in sockets and pipes as memory, or bounds it",
    incident: "kernel memory as the way around the memory limit: full socket buffers",
    control: noCgroup,
    belts: ["cgroup-memory"],
    async run({ engine }) {
      const attack = code`
        import json, os, socket
        held, pairs = 0, []
        try:
            for _ in range(100):
                left, right = socket.socketpair()
                left.setblocking(False)
                pairs.append((left, right))
                try:
                    while True: held += left.send(b"x" * 65536)
                except BlockingIOError:
                    pass
        except OSError:
            pass
        print(json.dumps(held))
      `;
      const outcome = await engine.run(
        python(attack, { limits: { memoryBytes: 64 * MiB, openFiles: 256, wallTimeMs: 8_000 } }),
      );
      assertContained(outcome);
      if (outcome.status !== "exited") return;
      const held = Number(Buffer.from(outcome.stdout).toString());
      assert.ok(held <= 64 * MiB, `${held} bytes were kept in sockets within a limit of 64 MiB`);
    },
  },
]);
