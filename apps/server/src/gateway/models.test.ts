import { expect, test } from "vitest";
import { STUB_ONLY } from "./config/parse.ts";
import { DEFAULT_UPSTREAM } from "./config/schema.ts";
import type { UpstreamSettings } from "./config/types.ts";
import { createModelMap } from "./models.ts";

function upstream(name: string, models: readonly string[], aliases: Record<string, string> = {}): UpstreamSettings {
  const breaker = { failures: 5, openMs: 1, maxOpenMs: 1 };
  const rest = { key: null, keyHeader: "authorization", headers: {}, breaker } as const;
  return { ...DEFAULT_UPSTREAM, ...rest, name, baseUrl: "http://h", models, aliases };
}

test("a whole name goes before a pattern, the longer pattern before the shorter, the default takes the rest", () => {
  const upstreams = [
    upstream("a", ["gpt-*", "*-mini"], { fast: "gpt-9" }),
    upstream("b", ["gpt-4*", "gpt-x"]),
    upstream("c", []),
  ];
  const map = createModelMap({ ...STUB_ONLY, upstreams, defaultUpstream: "c" });
  const found = (model: string) => [map.find(model)?.upstream, map.find(model)?.model];
  expect(found("gpt-3")).toEqual(["a", "gpt-3"]);
  expect(found("gpt-4o")).toEqual(["b", "gpt-4o"]);
  expect(found("gpt-x")).toEqual(["b", "gpt-x"]);
  expect(found("o-mini")).toEqual(["a", "o-mini"]);
  expect(found("fast")).toEqual(["a", "gpt-9"]);
  expect(found("llama")).toEqual(["c", "llama"]);
  expect(found("stub")).toEqual(["stub", "stub"]);
  expect(found("stub?say=hi")).toEqual(["stub", "stub?say=hi"]);
  expect(map.named.map(({ id }) => id)).toEqual(["fast", "gpt-x", "stub"]);
});

test("without a default, and without the stub, other names are unknown", () => {
  const map = createModelMap({ ...STUB_ONLY, stub: null, upstreams: [upstream("a", ["a*b*c"])] });
  expect(map.find("abc")?.upstream).toBe("a");
  expect(map.find("a1b2c")?.upstream).toBe("a");
  for (const name of ["ac", "abcd", "stub", "stub?say=hi", ""]) expect(map.find(name)).toBeNull();
});

test("a pattern of many stars against a long name costs nothing", () => {
  const map = createModelMap({ ...STUB_ONLY, stub: null, upstreams: [upstream("a", [`${"a*".repeat(100)}b`])] });
  const start = performance.now();
  expect(map.find("a".repeat(256))).toBeNull();
  expect(performance.now() - start).toBeLessThan(100);
});
