/**
 * Writes the system call tables of the seccomp filter from the kernel's own headers
 * (Debian: linux-libc-dev; `gcc` preprocesses them). Run it after new headers came in:
 *
 *   node scripts/seccomp-tables.ts && oxfmt packages/sandbox/src/seccomp/syscalls-*.ts
 *
 * x86-64 has its own list (asm/unistd_64.h, made from arch/x86/entry/syscalls/syscall_64.tbl);
 * arm64 uses asm-generic/unistd.h with the switches that arch/arm64's asm/unistd.h sets.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface Table {
  readonly file: string;
  readonly constant: string;
  readonly title: string;
  readonly header: string;
  readonly switches: readonly string[];
}

const TABLES: readonly Table[] = [
  {
    file: "syscalls-x86-64.ts",
    constant: "SYSCALLS_X86_64",
    title: "x86-64",
    header: "asm/unistd_64.h",
    switches: [],
  },
  {
    file: "syscalls-arm64.ts",
    constant: "SYSCALLS_ARM64",
    title: "arm64",
    header: "asm-generic/unistd.h",
    switches: [
      "__ARCH_WANT_RENAMEAT",
      "__ARCH_WANT_NEW_STAT",
      "__ARCH_WANT_SET_GET_RLIMIT",
      "__ARCH_WANT_SYS_CLONE3",
      "__ARCH_WANT_MEMFD_SECRET",
    ],
  },
];

/** Calls of kernels 6.5 to 6.17, for headers that are older; one number on every architecture since 424. */
const NEWER: Readonly<Record<string, number>> = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
};

/** Names that the generic header defines but that are no calls. */
const NOT_CALLS = new Set(["syscalls", "arch_specific_syscall"]);

function readTable(table: Table): Map<string, number> {
  const defines = table.switches.map((name) => `-D${name}`);
  const macros = execFileSync("gcc", ["-E", "-dM", ...defines, "-xc", "-"], {
    input: `#undef __BITS_PER_LONG\n#include <${table.header}>\n`,
    encoding: "utf8",
  });
  const values = new Map<string, string>();
  for (const line of macros.split("\n")) {
    const [, name, value] = /^#define (__NR(?:3264)?_\w+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const calls = new Map<string, number>();
  for (const [macro, value] of values) {
    if (!macro.startsWith("__NR_")) continue;
    const name = macro.slice("__NR_".length);
    const number = Number(values.get(value) ?? value);
    if (NOT_CALLS.has(name)) continue;
    if (!Number.isInteger(number)) throw new Error(`${table.header}: ${macro} is ${value}`);
    calls.set(name, number);
  }
  for (const [name, number] of Object.entries(NEWER)) {
    const known = calls.get(name) ?? number;
    if (known !== number) throw new Error(`${table.header}: ${name} is ${known}, expected ${number}`);
    calls.set(name, number);
  }
  return calls;
}

for (const table of TABLES) {
  const calls = [...readTable(table)].toSorted(([, a], [, b]) => a - b);
  const lines = calls.map(([name, number]) => `  ${name}: ${number},`);
  const source = `/**
 * System call numbers of ${table.title}. Written by scripts/seccomp-tables.ts from ${table.header}
 * of the kernel's user headers, with the calls of newer kernels added; not edited by hand.
 */
export const ${table.constant}: Readonly<Record<string, number>> = {
${lines.join("\n")}
};
`;
  const path = new URL(`../packages/sandbox/src/seccomp/${table.file}`, import.meta.url);
  writeFileSync(fileURLToPath(path), source);
  process.stdout.write(`${table.file}: ${calls.length} calls\n`);
}
