import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { GatewayConfigError, loadGatewayConfig } from "./parse.ts";

const FILE = "/etc/crucible/gateway.yaml";

function load(yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const texts: Record<string, string> = { [FILE]: `version: 1\n${yaml}`, ...files };
  return loadGatewayConfig(FILE, {
    env,
    readText: (path) => {
      const text = texts[path];
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    },
  });
}

describe("a gateway's file", () => {
  test("may be nearly empty: then the stub alone is served", () => {
    expect(load("")).toEqual({
      upstreams: [],
      defaultUpstream: null,
      stub: { latencyMs: 0, answers: [], replayFile: null },
      onBlock: "error_400",
      refusal: "I cannot help with that.",
      recordAnswers: "all",
      maxTextLength: 2_000_000,
    });
    expect(load("stub: false").stub).toBeNull();
  });

  test("takes keys from the environment and from files beside it", () => {
    const yaml = `upstreams:
  - { name: a, baseUrl: "https://a.example/v1/", key: { env: A_KEY }, models: ["x-*"] }
  - { name: b, baseUrl: "http://127.0.0.1:8000/v1", key: { file: secrets/b }, keyHeader: api-key }
  - { name: c, baseUrl: "http://models.lan/v1" }
default: c
stub: { replayFile: recorded.jsonl }
`;
    const config = load(yaml, { A_KEY: "sk-a" }, { "/etc/crucible/secrets/b": "sk-b\n" });
    expect(config.upstreams.map(({ baseUrl, key, keyHeader }) => [baseUrl, key, keyHeader])).toEqual([
      ["https://a.example/v1", "sk-a", "authorization"],
      ["http://127.0.0.1:8000/v1", "sk-b", "api-key"],
      ["http://models.lan/v1", null, "authorization"],
    ]);
    expect(config).toMatchObject({ defaultUpstream: "c", stub: { replayFile: "/etc/crucible/recorded.jsonl" } });
  });

  const upstream = (fields: string) => `upstreams:\n  - name: a\n    baseUrl: https://a.example/v1\n${fields}`;
  test.each([
    ["an unknown key", "onblock: error_400", `${FILE}:2:1: unknown key "onblock"; there is: version, upstreams`],
    ["no list", "upstreams: 5", `${FILE}:2:12: upstreams: must be a list of upstreams`],
    ["no URL", "upstreams:\n  - name: a\n    baseUrl: models", `${FILE}:4:14: upstreams[0].baseUrl: must be a URL`],
    ["another scheme", "upstreams:\n  - { name: a, baseUrl: 'file:///etc/passwd' }", "baseUrl: must be a URL such as"],
    [
      "a password in the URL",
      "upstreams:\n  - { name: a, baseUrl: 'https://u:p@h/v1' }",
      "must have no user, password",
    ],
    [
      "a key in the file",
      upstream("    key: sk-secret"),
      `${FILE}:5:10: upstreams[0].key: must be a mapping of: env, file`,
    ],
    ["two sources of a key", upstream("    key: { env: A, file: b }"), "must have exactly one of env and file"],
    [
      "a key over plain HTTP",
      "upstreams:\n  - { name: a, baseUrl: 'http://h/v1', key: { env: A } }",
      "baseUrl: must be https",
    ],
    ["a key that is not there", upstream("    key: { env: NOWHERE }"), "the key of upstream a is not in NOWHERE"],
    ["a key that would end its header", upstream("    key: { env: BAD }"), "the key of upstream a is not in BAD"],
    ["a header of the gateway's", upstream("    headers: { host: x }"), "is a header that the gateway sets itself"],
    ["a header with a line break", upstream('    headers: { x-a: "1\\r\\nx: 2" }'), "must be printable ASCII"],
    [
      "a model claimed twice",
      upstream("    models: [m]\n    aliases: { m: n }"),
      "must not claim the same model twice",
    ],
    ["a default that is none", "default: nobody", "default: must be the name of one of the upstreams"],
    [
      "no whole number",
      upstream("    retries: 1.5"),
      `${FILE}:5:14: upstreams[0].retries: must be a whole number from 0 to 10`,
    ],
  ])("%s is told with its line", (_, yaml, message) => {
    expect(() => load(yaml, { A: "k", BAD: "a\r\nb" })).toThrow(GatewayConfigError);
    expect(() => load(yaml, { A: "k", BAD: "a\r\nb" })).toThrow(message);
  });

  test("a value that is no key is not repeated", () => {
    const yaml = upstream("    key: { env: BAD }");
    expect(() => load(yaml, { BAD: "secret value" })).not.toThrow("secret value");
  });

  test("the example can be used", () => {
    const file = fileURLToPath(new URL("../../../../../examples/gateway.yaml", import.meta.url));
    expect(loadGatewayConfig(file, { env: {} }).upstreams.map(({ name }) => name)).toEqual(["local"]);
  });
});
