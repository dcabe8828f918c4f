import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noise, pem, PLANTED, withChecksum } from "../testing/planted.ts";
import { createFindSecrets } from "./find.ts";

const find = createFindSecrets();
const kindsIn = (text: string): string[] => find(text).map(({ kind }) => kind);

describe("finding secrets", () => {
  it.each(PLANTED)("finds a %s, and exactly it", (kind, secret) => {
    for (const [before, after] of [
      ["", ""],
      ["Here it is: ", " and keep it safe."],
      ['{"value":"', '"}'],
      ["line\\n", "\\nline"],
    ]) {
      const text = `${before}${secret}${after}`;
      const found = find(text);
      expect(found.map((one) => [one.kind, text.slice(one.start, one.end)])).toContainEqual([kind, secret]);
    }
  });

  it("finds all of several, in their order", () => {
    const text = PLANTED.map(([, secret]) => secret).join("\n\n");
    expect(kindsIn(text)).toEqual(PLANTED.map(([kind]) => kind));
  });

  it("finds the password of a connection string, and leaves the rest", () => {
    const password = `n${noise(9)}7`;
    const text = `use postgresql://app:${password}@db.internal:5432/app now`;
    const [found] = find(text);
    expect(found?.kind).toBe("connection_password");
    expect(text.slice(found?.start, found?.end)).toBe(password);
  });

  it("finds what something named like a secret is set to", () => {
    const value = `${noise(30)}4x`;
    for (const text of [
      `API_KEY=${value}`,
      `api-key: "${value}"`,
      `"client_secret": "${value}"`,
      `{\\"auth_token\\": \\"${value}\\"}`,
      `const accessKey = '${value}';`,
      `The access token is ${value}`,
      `password := \`${value}\``,
    ]) {
      const [found] = find(text);
      expect([text, text.slice(found?.start, found?.end)]).toEqual([text, value]);
    }
    expect(kindsIn(`password: ${"Gr7-wobble"}!x`)).toEqual(["assigned_secret"]);
    expect(kindsIn(`AccountKey=${noise(86)}==;EndpointSuffix=x`)).toEqual(["azure_account_key"]);
  });

  it("believes no token whose checksum is wrong", () => {
    const right = withChecksum(7);
    const wrong = `${right.slice(0, 35)}${right.endsWith("0") ? "1" : "0"}`;
    expect(kindsIn(`ghp_${right} npm_${right}`)).toEqual(["github_token", "npm_token"]);
    expect(kindsIn(`ghp_${wrong} npm_${wrong}`)).toEqual([]);
  });

  it.each([
    ["an AWS key of the manual", `AKIAIOSFODNN7${"EXAMPLE"}`],
    ["the AWS secret of the manual", `aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY${"EXAMPLEKEY"}`],
    ["a key made of x", "sk-ant-api03-" + "x".repeat(95)],
    ["a placeholder", "OPENAI_API_KEY=sk-your-key-goes-here-1234567"],
    ["a variable", "password: ${DB_PASSWORD} token=$TOKEN secret = process.env.CLIENT_SECRET_V2"],
    ["a UUID", "token: 123e4567-e89b-42d3-a456-426614174000, secret=123e4567-e89b-42d3-a456-426614174000"],
    ["a hash under its name", `token_sha256=${noise(64, "0123456789abcdef")} commit: ${noise(40, "0123456789abcdef")}`],
    ["a bare hash", `sha256:${noise(64, "0123456789abcdef")}`],
    ["a local database", "postgres://postgres:postgres@localhost:5432/app redis://:secretpw1@127.0.0.1"],
    ["a connection of a manual", "postgresql://user:password@db.company.net/app mysql://me:<password>@db.company.net"],
    ["prose about secrets", "The secret: always rotate tokens. Your password is too short, it should be Stronger."],
    ["prose about keys", "A file that begins with -----BEGIN PRIVATE KEY----- must never be committed."],
    ["a path", "private_key: /etc/ssl/private/server-2048.pem, credentials: ./config/gcp-service-account-v2.json"],
    ["code", "const token = tokenizer.encodeToken(secretText2); let passwordField = form.passwordInput1Value"],
    [
      "a JWT of a tutorial",
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.abcdefghij",
    ],
    ["a count", "max_tokens: 4096000000000000000, tokens=128000, token_limit: 20"],
    ["an image", `data:image/png;base64,${noise(400)}`],
  ])("is not fooled by %s", (_, text) => {
    expect(find(text)).toEqual([]);
  });

  it("never throws, and gives places in order that do not overlap", () => {
    const parts = fc.constantFrom(
      "token",
      "=",
      ": ",
      "eyJ",
      ".eyJ",
      "AKIA",
      "://",
      "a:b@",
      "-----BEGIN ",
      "PRIVATE KEY-----",
      "\\n",
      "sk-",
      "\n",
    );
    const text = fc
      .array(fc.oneof(parts, fc.string({ maxLength: 20 }), fc.constantFrom(...PLANTED.map(([, secret]) => secret))))
      .map((all) => all.join(""));
    fc.assert(
      fc.property(text, (given) => {
        let done = 0;
        for (const { start, end } of find(given)) {
          expect(start).toBeGreaterThanOrEqual(done);
          expect(end).toBeGreaterThan(start);
          done = end;
        }
        expect(done).toBeLessThanOrEqual(given.length);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["names", "token.secret-api_key_".repeat(50_000)],
    ["assignments", "token = ".repeat(125_000)],
    ["beginnings of tokens", "eyJ".repeat(330_000)],
    ["beginnings of keys", `-----BEGIN ${"PRIVATE"} KEY-----`.repeat(37_000)],
    ["addresses", "a://b:c".repeat(140_000)],
    ["schemes", "a+".repeat(500_000)],
    ["letters", "a".repeat(1_000_000)],
    ["real tokens", `ghp_${withChecksum()} `.repeat(24_000)],
    ["a long key", pem(15_000)],
  ])("stays linear for a million characters of %s", (_, text) => {
    const start = performance.now();
    find(text);
    // 20 to 400 ms here; a quadratic search would take minutes.
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
