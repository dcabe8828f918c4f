import { describe, expect, it } from "vitest";
import { adviceFor, faultWords } from "./words.ts";

/** As the client library throws it. */
const refusal = (message: string): Error =>
  Object.assign(new Error(`(HTTP code 500) server error - ${message} `), { json: { message } });

describe("what a daemon refuses", () => {
  it.each([
    ['could not select device driver "" with capabilities: [[gpu]]', /no driver for graphics processors/, /unset CRUC/],
    [
      "failed to create task: OCI runtime create failed: error running hook #0: nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
      /driver of the graphics processors does not work/,
      /NVIDIA Container Toolkit/,
    ],
    ["container create: opening seccomp profile failed: open {: file name too long", /Podman/, /use a Docker daemon/],
  ])("is said in our words, with what to do: %s", (message, reason, fix) => {
    expect(adviceFor(refusal(message))).toEqual({
      reason: expect.stringMatching(reason) as string,
      fix: expect.stringMatching(fix) as string,
    });
    expect(faultWords(refusal(message))).not.toContain("HTTP");
  });

  it("is passed on in the daemon's own words where we have none, bounded and without the client's", () => {
    expect(faultWords(refusal("no space left on device"))).toBe("no space left on device");
    expect(faultWords(new Error("(HTTP code 409) conflict - it is paused "))).toBe("it is paused");
    expect(faultWords(new Error("connect ENOENT /run/docker.sock"))).toBe("connect ENOENT /run/docker.sock");
    expect(faultWords(refusal("x".repeat(10_000)))).toHaveLength(1_000);
    expect(adviceFor(undefined)).toBeNull();
  });
});
