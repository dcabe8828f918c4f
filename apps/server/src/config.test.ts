import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig } from "./config.ts";

describe("configuration", () => {
  test("an empty environment gives a server for this machine alone", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 4180,
      roles: ["api", "worker", "gateway"],
      allowUnsafe: false,
      queueLimit: 10_000,
      maxAttempts: 3,
    });
    expect(config.concurrency).toBeGreaterThan(0);
    expect(config.dataDir).toMatch(/^\//);
    expect(config.databaseUrl).toBeUndefined();
  });

  test("an empty variable counts as not set", () => {
    expect(loadConfig({ CRUCIBLE_PORT: "", CRUCIBLE_ALLOW_UNSAFE: "", DATABASE_URL: "" })).toEqual(loadConfig({}));
  });

  test("what is given is read", () => {
    const config = loadConfig({
      CRUCIBLE_ROLES: "worker, api",
      CRUCIBLE_ALLOW_UNSAFE: "1",
      CRUCIBLE_MAX_LIMITS: '{"memoryBytes": 1024}',
      CRUCIBLE_MIN_ISOLATION: "gvisor",
      CRUCIBLE_ALLOWED_HOSTS: "a.example, b.example",
      DATABASE_URL: "postgresql://crucible@localhost/crucible",
    });
    expect(config).toMatchObject({
      roles: ["api", "worker"],
      allowUnsafe: true,
      maxLimits: { memoryBytes: 1024 },
      minIsolation: "gvisor",
      allowedHosts: ["a.example", "b.example"],
      databaseUrl: "postgresql://crucible@localhost/crucible",
    });
  });

  test.each([
    ["CRUCIBLE_PORT", "80a", "must be a whole number from 0 to 65535"],
    ["CRUCIBLE_PORT", "65536", "must be a whole number from 0 to 65535"],
    ["CRUCIBLE_ROLES", "api,cook", "must be all, or a comma list of api, worker, gateway"],
    ["CRUCIBLE_ALLOW_UNSAFE", "yes", "must be 1 or 0"],
    ["CRUCIBLE_MIN_ISOLATION", "strong", "must be one of none, wasm, namespace"],
    ["CRUCIBLE_MAX_LIMITS", '{"memory": 1}', "must be a JSON object of limits"],
    ["CRUCIBLE_MAX_LIMITS", "{", "must be a JSON object of limits"],
    ["CRUCIBLE_NETWORK_ALLOW", "10.0.0.1:80", "must be a comma list of name:port"],
    ["CRUCIBLE_LOG_LEVEL", "loud", "must be one of trace, debug"],
    ["CRUCIBLE_API_KEY", "short", "must have at least 16 characters"],
    ["DATABASE_URL", "mysql://x", "must be a URL such as postgresql://"],
  ])("%s=%s is refused by name, with what would be right", (name, value, message) => {
    expect(() => loadConfig({ [name]: value })).toThrow(ConfigError);
    expect(() => loadConfig({ [name]: value })).toThrow(`${name} ${message}`);
  });

  test("everything that is wrong is said at once", () => {
    expect(() => loadConfig({ CRUCIBLE_PORT: "x", CRUCIBLE_DRAIN_MS: "y" })).toThrow(
      /CRUCIBLE_PORT[\s\S]*CRUCIBLE_DRAIN_MS/,
    );
  });

  test("the value of a wrong key is not repeated", () => {
    expect(() => loadConfig({ CRUCIBLE_API_KEY: "hunter2" })).not.toThrow("hunter2");
  });
});
