import { describe, expect, it } from "vitest";
import { ociSeccomp } from "../seccomp/oci.ts";
import { describeDeniedCalls, notifying, parseDeniedCalls } from "./watched.ts";

const plain = ociSeccomp("x86-64");
const told = notifying(plain, "/s", "c1");
const actionsOf = ({ syscalls }: typeof plain, name: string): string[] =>
  syscalls.filter(({ names }) => names.includes(name)).map(({ action }) => action);
const describeText = (text: string): string | null => describeDeniedCalls(parseDeniedCalls(text), "x86-64");

describe("a profile that tells", () => {
  it("hands over refusals that no ordinary program meets, with their arguments", () => {
    for (const name of ["ptrace", "mount", "bpf", "setns", "init_module", "open_by_handle_at"])
      expect(actionsOf(told, name)).toEqual(["SCMP_ACT_NOTIFY"]);
    expect(told.syscalls.filter(({ names }) => names.includes("clone"))).toEqual(
      plain.syscalls
        .filter(({ names }) => names.includes("clone"))
        .map(({ names, action, args }) =>
          action === "SCMP_ACT_ALLOW" ? { names, action, args } : { names, action: "SCMP_ACT_NOTIFY", args },
        ),
    );
  });

  it("refuses everything that the plain profile refuses, and changes nothing else", () => {
    const flat = ({ syscalls }: typeof plain): string[] =>
      syscalls
        .flatMap(({ names, action, errnoRet, args }) => {
          const meant = action === "SCMP_ACT_NOTIFY" ? "SCMP_ACT_ERRNO 1" : `${action} ${errnoRet ?? ""}`;
          return names.map((name) => `${name} ${meant} ${JSON.stringify(args)}`);
        })
        .toSorted();
    expect(flat(told)).toEqual(flat(plain));
    expect(told).toMatchObject({ defaultAction: plain.defaultAction, defaultErrnoRet: plain.defaultErrnoRet });
  });

  it.each(["clone3", "io_uring_setup", "get_mempolicy", "seccomp", "prlimit64", "prctl", "sync", "read"])(
    "says nothing of %s, which libraries try",
    (name) => {
      expect(actionsOf(told, name)).toEqual(actionsOf(plain, name));
      expect(actionsOf(told, name)).not.toContain("SCMP_ACT_NOTIFY");
    },
  );
});

describe("what was denied", () => {
  it("is said by name, each once, with how often", () => {
    expect(describeText("101\n165\n101\n101\n")).toBe("ptrace (3 times), mount");
    expect(describeText("999\n")).toBe("call 999");
    expect(describeText("165\nend\n")).toBe("mount; after 1 calls nobody looked any more");
  });

  it("is nothing where nothing was written, or something else", () => {
    for (const text of ["", "\n", "abc\n-1\n1e3\n", "end\n"]) expect(describeText(text)).toBeNull();
  });

  it("is bounded, however many different calls there were", () => {
    const text = Array.from({ length: 300 }, (_, n) => `${n}\n`).join("");
    expect(describeText(text)).toMatch(/^read, write.* and 290 more$/);
  });
});
