import { SandboxRequest } from "@crucible/contract";
import type { EngineInfo, SandboxRequestInput } from "@crucible/contract";
import { MAX_LIMITS, MIN_LIMITS } from "@crucible/sandbox";
import { describe, expect, it } from "vitest";
import { engineForSandbox } from "./sandbox-engine.ts";

const engine = (name: string, isolation: EngineInfo["isolation"], more: Partial<EngineInfo> = {}): EngineInfo => ({
  engine: name,
  isolation,
  available: true,
  allowed: true,
  isDefault: false,
  version: null,
  reason: null,
  fix: null,
  belts: [],
  sessions: true,
  ...more,
});
const engines = [
  engine("bubblewrap", "namespace", { isDefault: true }),
  engine("docker", "container", { images: true }),
  engine("gvisor", "gvisor"),
];
const choose = (request: SandboxRequestInput, from = engines): string =>
  engineForSandbox(SandboxRequest.parse(request), {
    catalog: { engines: from, languages: [], maxLimits: MAX_LIMITS, minLimits: MIN_LIMITS },
    knownLanguages: new Set(),
  });

describe("the engine of a sandbox that stays", () => {
  it("is the default, or the weakest that is strong enough", () => {
    expect(choose({})).toBe("bubblewrap");
    expect(choose({ isolation: { atLeast: "gvisor" } })).toBe("gvisor");
  });

  it("is one that has images where the request names one, and never a weaker one than the default", () => {
    expect(choose({ image: "python:3.13" })).toBe("docker");
    const stronger = engines.map((one) => ({ ...one, isDefault: one.engine === "gvisor" }));
    expect(() => choose({ image: "python:3.13" }, stronger)).toThrow("isolates as gvisor");
  });

  it("is refused where the named one has no images", () => {
    expect(() => choose({ image: "python:3.13", isolation: { engine: "gvisor" } })).toThrow("it has no images");
    expect(() => choose({ image: "python:3.13", isolation: { atLeast: "gvisor" } })).toThrow("it has no images");
  });
});
