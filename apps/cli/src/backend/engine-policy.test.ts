import type { IsolationLevel } from "@crucible/contract";
import type { ProbeReport } from "@crucible/sandbox";
import { describe, expect, test } from "vitest";
import { applyPolicy, chooseEngine, readPolicy } from "./engine-policy.ts";

const report = (engine: string, isolation: IsolationLevel, available = true): ProbeReport => ({
  engine,
  isolation,
  available,
  version: null,
  reason: available ? null : `${engine} is missing`,
  fix: available ? null : `install ${engine}`,
  belts: [],
});
const reports = [report("subprocess", "none"), report("bubblewrap", "namespace"), report("runsc", "gvisor", false)];
const engines = (env: Record<string, string> = {}, given = reports) => applyPolicy(given, readPolicy(env));

describe("with the usual policy", () => {
  test("the strongest that is there is the default", () => {
    expect(chooseEngine(engines(), undefined)).toBe("bubblewrap");
  });

  test("no isolation is refused, also by name and by level", () => {
    expect(() => chooseEngine(engines(), { engine: "subprocess" })).toThrow(
      "engine subprocess may not be used: it isolates nothing",
    );
    expect(chooseEngine(engines(), { atLeast: "none" })).toBe("bubblewrap");
    expect(() => chooseEngine(engines({}, [report("subprocess", "none")]), undefined)).toThrow(
      "no engine on this host isolates",
    );
  });

  test("what is missing is never replaced by something weaker", () => {
    expect(() => chooseEngine(engines(), { engine: "runsc" })).toThrow(
      expect.objectContaining({
        message: "engine runsc does not work here: runsc is missing",
        next: "install runsc",
      }) as Error,
    );
    expect(() => chooseEngine(engines(), { atLeast: "container" })).toThrow("reaches isolation container");
    expect(() =>
      chooseEngine(engines({}, [report("subprocess", "none"), report("bubblewrap", "namespace", false)]), undefined),
    ).toThrow(expect.objectContaining({ next: "install bubblewrap" }) as Error);
  });

  test("an unknown engine is answered with those there are", () => {
    expect(() => chooseEngine(engines(), { engine: "bwrap" })).toThrow(
      expect.objectContaining({ next: "there are: subprocess, bubblewrap, runsc" }) as Error,
    );
  });
});

test("CRUCIBLE_ALLOW_UNSAFE lets no isolation in, and keeps the strongest as default", () => {
  const allowed = engines({ CRUCIBLE_ALLOW_UNSAFE: "1" });
  expect(chooseEngine(allowed, { engine: "subprocess" })).toBe("subprocess");
  expect(chooseEngine(allowed, undefined)).toBe("bubblewrap");
  expect(chooseEngine(engines({ CRUCIBLE_ALLOW_UNSAFE: "true" }), undefined)).toBe("bubblewrap");
  expect(() => chooseEngine(engines({ CRUCIBLE_ALLOW_UNSAFE: "true" }), { engine: "subprocess" })).toThrow(
    "isolates nothing",
  );
});

test("CRUCIBLE_ENGINE that is missing leaves no default", () => {
  expect(() => chooseEngine(engines({ CRUCIBLE_ENGINE: "runsc" }), undefined)).toThrow("no engine on this host");
});

test("an engine that CRUCIBLE_ENGINE names in vain is named, with its reason", () => {
  const infos = engines({ CRUCIBLE_ENGINE: "gvisor" }, [
    report("bubblewrap", "namespace"),
    report("gvisor", "gvisor", false),
  ]);
  expect(() => chooseEngine(infos, undefined, "gvisor")).toThrow(
    "engine gvisor, which CRUCIBLE_ENGINE names, cannot be used: gvisor is missing",
  );
  expect(() => chooseEngine(infos, undefined, "gvsor")).toThrow("CRUCIBLE_ENGINE names, does not exist");
});

test("CRUCIBLE_MIN_ISOLATION forbids all below it", () => {
  const strict = engines({ CRUCIBLE_MIN_ISOLATION: "gvisor", CRUCIBLE_ALLOW_UNSAFE: "1" });
  expect(() => chooseEngine(strict, undefined)).toThrow("no engine on this host");
  expect(() => chooseEngine(strict, { engine: "bubblewrap" })).toThrow("CRUCIBLE_MIN_ISOLATION is gvisor");
  expect(() => readPolicy({ CRUCIBLE_MIN_ISOLATION: "gvisr" })).toThrow("which is no isolation level");
});

test("wasm is what runs get where namespaces are not to be had, and never in place of what was asked for", () => {
  const locked = [report("subprocess", "none"), report("wasm", "wasm"), report("bubblewrap", "namespace", false)];
  expect(chooseEngine(engines({}, locked), undefined)).toBe("wasm");
  expect(() => chooseEngine(engines({}, locked), { atLeast: "namespace" })).toThrow("reaches isolation namespace");
  expect(() => chooseEngine(engines({}, locked), { engine: "bubblewrap" })).toThrow("bubblewrap is missing");
  expect(() => chooseEngine(engines({ CRUCIBLE_MIN_ISOLATION: "namespace" }, locked), undefined)).toThrow(
    "no engine on this host isolates programs",
  );
  expect(() => chooseEngine(engines({ CRUCIBLE_ENGINE: "bubblewrap" }, locked), undefined)).toThrow(
    "no engine on this host isolates programs",
  );
});
