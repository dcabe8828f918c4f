import { describe, expect, test } from "vitest";
import {
  EngineUnavailableError,
  SESSION_FAULTS,
  SessionError,
  SpecError,
  TooManySessionsError,
} from "@crucible/sandbox";
import { toApiError } from "./session-errors.ts";

describe("what a sandbox that stays says", () => {
  test.each<[string, Error, string]>([
    ["no room", new TooManySessionsError("bubblewrap", 8), "too_many_sandboxes"],
    ["an engine that does not work", new EngineUnavailableError("runc", "it is missing", null), "engine_unavailable"],
    ["a bad field", new SpecError("invalid_field", "env.A", "bad"), "invalid_request"],
    ["a limit", new SpecError("limit_too_high", "limits.pids", "too high"), "limit_too_high"],
    ["a network", new SpecError("network_not_allowed", "network.allow[0]", "no"), "network_not_allowed"],
    ["a missing file", new SessionError("not_found", "x: not found"), "file_not_found"],
    ["its end", new SessionError("session_ended", "gone"), "sandbox_ended"],
    ["anything unforeseen", new TypeError("secret detail"), "internal"],
  ])("becomes the API's own error: %s", (_what, error, code) => {
    expect(toApiError(error).code).toBe(code);
  });

  test("is never passed on where it was not foreseen", () => {
    expect(toApiError(new TypeError("secret detail")).message).not.toContain("secret");
  });

  test.each(SESSION_FAULTS)("has a code for %s", (fault) => {
    expect(toApiError(new SessionError(fault, "why"))).toMatchObject({
      message: "why",
      code: expect.any(String) as string,
    });
  });
});
