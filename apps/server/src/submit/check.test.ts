import { describe, expect, test } from "vitest";
import { RunRequest, type EngineInfo, type RunRequestInput } from "@crucible/contract";
import { MAX_ARTIFACT_LIMITS, MAX_LIMITS, MIN_LIMITS } from "@crucible/sandbox";
import { refuseNetwork } from "../executor/refuse-network.ts";
import { checkRequest, type Rules } from "./check.ts";

function engine(name: string, isolation: EngineInfo["isolation"], more: Partial<EngineInfo> = {}): EngineInfo {
  return {
    engine: name,
    isolation,
    available: true,
    allowed: true,
    isDefault: false,
    version: null,
    reason: null,
    fix: null,
    belts: [],
    ...more,
  };
}

const bubblewrap = engine("bubblewrap", "namespace", { isDefault: true });
const rules: Rules = {
  catalog: {
    languages: [{ name: "python", aliases: ["py"], extensions: [".py"], version: "3", compiled: false }],
    engines: [engine("subprocess", "none", { allowed: false, reason: "it isolates nothing" }), bubblewrap],
    maxLimits: MAX_LIMITS,
    minLimits: MIN_LIMITS,
    networkAllow: ["*.example.org:443"],
  },
  knownLanguages: new Set(["python", "py", "rust"]),
  refuseNetwork,
};
const check = (input: Partial<RunRequestInput>, engines = rules.catalog.engines) =>
  checkRequest(RunRequest.parse({ language: "python", ...(input.files ? {} : { code: "1" }), ...input }), {
    ...rules,
    catalog: { ...rules.catalog, engines },
  });
const files = (...paths: string[]) => ({ files: paths.map((path) => ({ path, content: "" })) });

describe("a request", () => {
  test.each(["python", "py", "Python"])("names its language as %s", (language) => {
    expect(check({ language }).request.language).toBe("python");
  });

  test.each<[string, Partial<RunRequestInput>, string, string]>([
    ["a language nobody knows", { language: "klingon" }, "unknown_language", "language"],
    ["a language that is not installed", { language: "rust" }, "language_not_installed", "language"],
    ["an absolute path", files("/etc/passwd"), "invalid_path", "files[0].path"],
    ["a path that climbs", files("ok.py", "a/../../b"), "invalid_path", "files[1].path"],
    ["a path of dots", files("./main.py"), "invalid_path", "files[0].path"],
    ["an empty segment", files("a//b"), "invalid_path", "files[0].path"],
    ["a trailing slash", files("a/"), "invalid_path", "files[0].path"],
    ["NUL in a path", files("a\0b"), "invalid_path", "files[0].path"],
    ["half a surrogate pair in a path", files("\udc00"), "invalid_path", "files[0].path"],
    ["the same path twice", files("a", "b", "a"), "invalid_path", "files[2].path"],
    ["a file that is a directory of another", files("a/b/c", "a"), "invalid_path", "files[1].path"],
    ["an entry that is no file", { ...files("a.py"), entry: "b.py" }, "invalid_request", "entry"],
    ["an entry that climbs", { code: "1", entry: "../a.py" }, "invalid_path", "entry"],
    [
      "a limit above the maximum",
      { limits: { memoryBytes: MAX_LIMITS.memoryBytes + 1 } },
      "limit_too_high",
      "limits.memoryBytes",
    ],
    ["a limit below the minimum", { limits: { memoryBytes: 1 } }, "invalid_request", "limits.memoryBytes"],
    [
      "a compile limit above the maximum",
      { compileLimits: { pids: 1_000_000 } },
      "limit_too_high",
      "compileLimits.pids",
    ],
    ["broken Base64 on stdin", { stdin: "a=b=", stdinEncoding: "base64" }, "invalid_request", "stdin"],
    [
      "unpadded Base64 in a file",
      { files: [{ path: "a", content: "YQ", encoding: "base64" }] },
      "invalid_request",
      "files[0].content",
    ],
    ["half a surrogate pair in the code", { code: "\ud800" }, "invalid_request", "code"],
    ["half a surrogate pair in an argument", { args: ["ok", "\ud800"] }, "invalid_request", "args[1]"],
    ["an argument Linux cannot pass", { args: ["\u20ac".repeat(60_000)] }, "invalid_request", "args[0]"],
    [
      "arguments that are too much together",
      { args: Array.from({ length: 20 }, () => "x".repeat(60_000)) },
      "invalid_request",
      "args",
    ],
    ["NUL in a label", { labels: { "a\0": "" } }, "invalid_request", "labels.a\0"],
  ])("with %s is refused with code and field", (_what, input, code, field) => {
    expect(() => check(input)).toThrow(expect.objectContaining({ code, field }));
  });

  test("with unusual but good names is taken", () => {
    expect(() => check(files("a b/ü.py", "a b/-rf", "..hidden", "a b/c/d"))).not.toThrow();
    expect(() => check({ code: "a\0b", entry: "Main.java", stdin: "\0" })).not.toThrow();
  });
});

describe("the engine", () => {
  test("is the default when nothing is asked for", () => {
    expect(check({}).engine).toBe(bubblewrap);
  });

  test("is the one that is named, if it may be used", () => {
    expect(check({ isolation: { engine: "bubblewrap" } }).engine).toBe(bubblewrap);
    expect(() => check({ isolation: { engine: "subprocess" } })).toThrow(
      expect.objectContaining({ code: "engine_unavailable", field: "isolation.engine" }),
    );
    expect(() => check({ isolation: { engine: "subprocess" } })).toThrow("it isolates nothing");
  });

  test("is at least as strong as asked for, or there is none", () => {
    expect(check({ isolation: { atLeast: "none" } }).engine).toBe(bubblewrap);
    const strong = engine("runsc", "gvisor");
    expect(check({ isolation: { atLeast: "container" } }, [bubblewrap, strong]).engine).toBe(strong);
    const quicker = engine("runc", "container");
    expect(check({ isolation: { atLeast: "container" } }, [bubblewrap, strong, quicker]).engine).toBe(quicker);
    const broken = engine("runsc", "gvisor", {
      available: false,
      reason: "runsc is missing",
      fix: "apt install runsc",
    });
    const refused = () => check({ isolation: { atLeast: "gvisor" } }, [bubblewrap, broken]);
    expect(refused).toThrow(expect.objectContaining({ code: "isolation_unavailable", field: "isolation.atLeast" }));
    expect(refused).toThrow(/runsc is missing.*apt install runsc/);
  });

  test("is never a weaker one when the default is broken", () => {
    const broken = engine("bubblewrap", "namespace", {
      available: false,
      reason: "bwrap is missing",
      fix: "apt install bubblewrap",
    });
    const weak = engine("subprocess", "none", { allowed: false });
    expect(() => check({}, [weak, broken])).toThrow(expect.objectContaining({ code: "engine_unavailable" }));
    expect(() => check({}, [weak, broken])).toThrow("bwrap is missing");
  });
});

describe("files to give back", () => {
  test("may be asked for where the engine can give them, within limits that the schema names", () => {
    const able = [{ ...bubblewrap, artifacts: true }];
    expect(check({ artifacts: true }, able).request.artifacts).toBe(true);
    const { files: count, fileBytes, totalBytes } = MAX_ARTIFACT_LIMITS;
    const most = { files: count, fileBytes, totalBytes };
    expect(check({ artifacts: most }, able).request.artifacts).toEqual(most);
    for (const name of ["files", "fileBytes", "totalBytes"] as const)
      expect(() => check({ artifacts: { [name]: MAX_ARTIFACT_LIMITS[name] + 1 } }, able)).toThrow(/artifacts|expected/);
    expect(check({ artifacts: false }).engine).toBe(bubblewrap);
  });

  test("are refused where the engine cannot give them, never left out", () => {
    const able = engine("other", "namespace", { artifacts: true });
    expect(() => check({ artifacts: true })).toThrow(
      expect.objectContaining({ code: "engine_unavailable", field: "artifacts" }),
    );
    expect(() => check({ artifacts: { files: 1 } }, [bubblewrap, able])).toThrow("these can: other");
  });
});

describe("a network", () => {
  const able = [{ ...bubblewrap, network: true }];
  const wanting = (...allow: string[]) => ({ network: { allow } });

  test("within the operator's list is taken by an engine that can give one", () => {
    expect(check(wanting("a.example.org:443"), able).engine.engine).toBe("bubblewrap");
  });

  test("beyond the operator's list is refused with the entry", () => {
    expect(() => check(wanting("a.example.org:443", "example.org:443"), able)).toThrow(
      expect.objectContaining({ code: "network_not_allowed", field: "network.allow[1]" }),
    );
  });

  test("that is no list of hosts is a bad request", () => {
    expect(() => check(wanting("127.0.0.1:80"), able)).toThrow(
      expect.objectContaining({ code: "invalid_request", field: "network.allow[0]" }),
    );
  });

  test("is refused where the engine cannot give one, never left out", () => {
    expect(() => check(wanting("a.example.org:443"))).toThrow(
      expect.objectContaining({ code: "engine_unavailable", field: "network" }),
    );
  });
});
