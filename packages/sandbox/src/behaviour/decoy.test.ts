import { describe, expect, it } from "vitest";
import { holdsSecret, newDecoy } from "./decoy.ts";

const { secret, env, file } = newDecoy();
const bytes = (text: string): Uint8Array => Buffer.from(text);
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("a decoy", () => {
  it("is another one for every run, and the same in its variable and its file", () => {
    expect(secret).toMatch(/^[0-9a-f]{40}$/);
    expect(newDecoy().secret).not.toBe(secret);
    expect(Object.values(env)).toEqual([secret]);
    expect(file).toContain(`aws_secret_access_key = ${secret}\n`);
  });

  it.each([
    ["as it is", `the key is ${secret}!`],
    ["in capitals", secret.toUpperCase()],
    ["reversed", [...secret].toReversed().join("")],
    ["in hexadecimal", Buffer.from(secret).toString("hex")],
    ["in Base64", base64(secret)],
    ["in Base64, behind one byte", base64(`x${secret}`)],
    ["in Base64, behind two bytes", base64(`xy${secret}yz`)],
    ["in Base64, behind many bytes", base64(`${"z".repeat(300)}${secret}${"z".repeat(301)}`)],
    ["in lines", secret.replaceAll(/(.{7})/g, "$1\n")],
    ["in Base64 of 76 characters a line", base64(`${"q".repeat(40)}${secret}`).replaceAll(/(.{76})/g, "$1\r\n")],
    ["a letter a line", [...secret].join("\n")],
    ["at the beginning of much", secret + "x".repeat(3_000_000)],
    ["at the end of much", "x".repeat(3_000_000) + secret],
    ["in the whole file", file],
  ])("is found in output %s", (_, text) => {
    expect(holdsSecret(bytes(text), secret)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["ordinary output", "hello, world\n".repeat(1_000)],
    ["another run's", newDecoy().file],
    ["a half of it", secret.slice(0, 20)],
    ["bytes that are no text", "\u0000\u00ff\u00fe".repeat(200)],
  ])("is not found in %s", (_, text) => {
    expect(holdsSecret(bytes(text), secret)).toBe(false);
  });
});
