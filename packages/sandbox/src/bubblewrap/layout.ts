import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { writeSealedShell } from "../launcher/shell.ts";

/** Where things are inside. One tmpfs holds everything that is writable, so that one size bounds it all. */
export const INSIDE = {
  box: "/box",
  cwd: "/box/cwd",
  build: "/box/build",
  home: "/box/home",
  tmp: "/box/tmp",
  shm: "/box/shm",
  /** Standard input as a file: /dev/stdin can be opened, and a program that never reads it holds nobody up. */
  stdin: "/box/stdin",
  node: "/opt/crucible/node",
  /** The launcher's shell, in the directory that is bound as /etc: a bind of its own would cost 0.1 ms a run. */
  shell: "/etc/crucible-launcher",
  template: "/etc/crucible-template.py",
  /** Imported by the template, from the directory that it is in. */
  templateModules: { kernel: "/etc/crucible_kernel.py", program: "/etc/crucible_program.py" },
  agent: "/etc/crucible-session.py",
  filter: "/etc/crucible-seccomp.bpf",
  /** Bait: a slot's file on the host, which says when it is read. Linked to from where programs look for it. */
  decoy: "/run/secrets/aws-credentials",
  /** A slot's named pipes, in a template alone: a run's own /box covers them before a program starts. */
  pipes: "/box/pipes",
} as const;

/** Inside, the program is this ordinary user. */
export const INSIDE_UID = 1000;

export const BASE_ENV = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: INSIDE.home,
  TMPDIR: "/tmp",
  LANG: "C.UTF-8",
  USER: "box",
} as const;

const PASSWD = `root:x:0:0:root:/root:/usr/sbin/nologin
box:x:${INSIDE_UID}:${INSIDE_UID}:box:${INSIDE.home}:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = `root:x:0:\nbox:x:${INSIDE_UID}:\nnogroup:x:65534:\n`;

/** Parts of the host's /etc that language runtimes read at start; none holds a secret. */
const RUNTIME_CONFIG = /^(java-\d+-openjdk|R|php|perl|ruby|lua)$/;

function writeReadable(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}

function makeReadable(dir: string): void {
  chmodSync(dir, 0o755);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) makeReadable(path);
    else if (entry.isFile()) chmodSync(path, 0o644);
  }
}

/** Fills `dir` with the small /etc that every sandbox shares, read-only. */
export function writeEtc(dir: string): void {
  mkdirSync(dir, { recursive: true });
  writeReadable(join(dir, "passwd"), PASSWD);
  writeReadable(join(dir, "group"), GROUP);
  writeReadable(join(dir, "hosts"), "127.0.0.1 localhost sandbox\n::1 localhost\n");
  writeReadable(join(dir, "nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files\n");
  writeReadable(join(dir, "hostname"), "sandbox\n");
  if (existsSync("/etc/ld.so.cache")) writeReadable(join(dir, "ld.so.cache"), readFileSync("/etc/ld.so.cache"));
  if (existsSync("/etc/alternatives")) {
    mkdirSync(join(dir, "alternatives"));
    for (const name of readdirSync("/etc/alternatives")) {
      // Manual pages are most of them, and a link takes a millisecond on a busy disk.
      if (name.endsWith(".gz")) continue;
      const source = join("/etc/alternatives", name);
      if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), join(dir, "alternatives", name));
    }
  }
  for (const name of readdirSync("/etc").filter((entry) => RUNTIME_CONFIG.test(entry))) {
    cpSync(join("/etc", name), join(dir, name), { recursive: true, verbatimSymlinks: true });
  }
  makeReadable(dir);
  writeSealedShell(join(dir, basename(INSIDE.shell)));
}

const TEMPLATE_SOURCE = new URL("../template/python.py", import.meta.url);
const AGENT_SOURCE = new URL("../session/agent.py", import.meta.url);

/** What templates and sessions find in /etc: their programs, and the filter for what a template forks. */
export function writeTemplateFiles(dir: string, filter: Uint8Array): void {
  writeReadable(join(dir, basename(INSIDE.template)), readFileSync(TEMPLATE_SOURCE));
  for (const [name, path] of Object.entries(INSIDE.templateModules))
    writeReadable(join(dir, basename(path)), readFileSync(new URL(`../template/${name}.py`, import.meta.url)));
  writeReadable(join(dir, basename(INSIDE.agent)), readFileSync(AGENT_SOURCE));
  writeReadable(join(dir, basename(INSIDE.filter)), filter);
}

/** `--ro-bind` or `--symlink` for each system directory, as the host has it (merged /usr or not). */
export function systemDirs(): string[] {
  const args = ["--ro-bind", "/usr", "/usr"];
  for (const dir of ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]) {
    const stat = lstatSync(dir, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) args.push("--symlink", readlinkSync(dir), dir);
    else if (stat?.isDirectory() === true) args.push("--ro-bind", dir, dir);
  }
  return args;
}
