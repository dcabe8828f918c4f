import { execFile } from "node:child_process";
import { access, constants, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tool } from "./escapes.ts";

/** Everything doctor reads from the host, so that tests can describe other hosts. */
export interface Host {
  /** Text of a file, or null when it cannot be read. */
  read(path: string): Promise<string | null>;
  writable(path: string): Promise<boolean>;
  /** Where a program is and how it is installed, or null. */
  find(program: string): Promise<{ readonly path: string; readonly setuid: boolean } | null>;
  /** First line of output of a program, or null when it fails or takes over five seconds. */
  ask(program: string, args: readonly string[]): Promise<string | null>;
  readonly uid: number;
}

const execute = promisify(execFile);

/** This host. */
export function thisHost(path: string): Host {
  return {
    uid: process.getuid?.() ?? -1,
    read: async (file) => await readFile(file, "utf8").catch(() => null),
    writable: async (file) =>
      await access(file, constants.W_OK).then(
        () => true,
        () => false,
      ),
    async find(program) {
      for (const directory of path.split(":").filter((part) => part.startsWith("/"))) {
        const candidate = join(directory, program);
        const found = await stat(candidate).catch(() => null);
        if (found?.isFile() === true && (found.mode & 0o111) !== 0) {
          return { path: candidate, setuid: (found.mode & 0o4000) !== 0 && found.uid === 0 };
        }
      }
      return null;
    },
    async ask(program, args) {
      try {
        const { stdout, stderr } = await execute(program, [...args], { timeout: 5000, maxBuffer: 64 * 1024 });
        return (stdout.trim() === "" ? stderr : stdout).trim().split("\n")[0] ?? null;
      } catch {
        return null;
      }
    },
  };
}

/** How each tool is found and asked for its version, and what installs it on Debian and Ubuntu. */
export const TOOLS: Readonly<
  Record<
    Tool,
    { readonly program: string; readonly args: readonly string[]; readonly gives: string; readonly install: string }
  >
> = {
  bubblewrap: {
    program: "bwrap",
    args: ["--version"],
    gives: "namespace isolation, which this version of Crucible uses",
    install: "apt-get install bubblewrap",
  },
  runc: { program: "runc", args: ["--version"], gives: "container isolation", install: "apt-get install runc" },
  crun: { program: "crun", args: ["--version"], gives: "container isolation", install: "apt-get install crun" },
  runsc: {
    program: "runsc",
    args: ["--version"],
    gives: "gVisor isolation",
    install: "see gvisor.dev/docs/user_guide/install",
  },
  docker: {
    program: "docker",
    args: ["version", "--format", "{{.Server.Version}}"],
    gives: "container isolation through its daemon",
    install: "apt-get install docker.io",
  },
};
