import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCanary } from "./canary/canary.ts";
import { createOutputScreening } from "./screening.ts";
import { noise, pem, PLANTED } from "./testing/planted.ts";
import { CONTENT, NO_PROMPT, policyWith, stream, wordGuard } from "./testing/screens.ts";
import type { OutputPolicy, OutputRequest } from "./types.ts";

const WINDOW = 256;
const screening = (change: Partial<OutputPolicy>) =>
  createOutputScreening({
    policy: policyWith({ window: WINDOW, promptLeak: { action: "off", minChars: 64 }, ...change }),
    screenText: wordGuard,
  });
const run = (change: Partial<OutputPolicy>, pieces: readonly string[], request: OutputRequest = NO_PROMPT) =>
  stream(screening(change).open(request), pieces);

const canary = createCanary();
const PROMPT = `Answer only about books. ${noise(30)} Never speak of prices. ${noise(200, "abcdefghij klmnop", 5)}`;
const REQUEST: OutputRequest = { systemPrompt: PROMPT, canary };

const prose = fc.string({ unit: fc.constantFrom(..."abc de. fg\nhij, üßé😀 "), maxLength: 400 });
const planted = fc.constantFrom(
  ...PLANTED.map(([, secret]) => secret),
  pem(3),
  canary,
  [...canary].join(" "),
  canary.toUpperCase(),
  Buffer.from(`it is ${canary}`).toString("base64"),
  PROMPT,
  "IGNORE",
  "HMM",
  "BREAK",
  "CRACK",
);
const answer = fc.array(fc.oneof(prose, planted), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(" "));
const action = fc.constantFrom("off", "flag", "redact", "block");
const wholeAction = fc.constantFrom("off", "flag", "block");
const policies: fc.Arbitrary<Partial<OutputPolicy>> = fc.record({
  canary: fc.record({ action, scope: fc.constant("request" as const) }),
  promptLeak: fc.record({ action: wholeAction, minChars: fc.constant(64) }),
  secrets: fc.record({ action }),
  text: fc.record({ action: wholeAction }),
  window: fc.constantFrom(256, 257, 512, 1_000),
});
/** Cuts a text at any code units, between the halves of a character, too. */
const cuts = fc.array(fc.nat(3_000), { maxLength: 40 });

function cut(text: string, places: readonly number[]): string[] {
  const sorted = [0, ...places.map((place) => place % (text.length + 1)), text.length].sort(
    (one, other) => one - other,
  );
  return sorted.slice(1).map((end, i) => text.slice(sorted[i], end));
}

/** Lengths of text before and after a secret, over more than two windows, and where such a stream may be cut. */
function* everywhere(): Generator<readonly [number, number, readonly number[]]> {
  for (let before = 0; before < 600; before += 7) {
    yield [before, (before * 5) % 400, [before, before + 9, before * 3, before * 7]];
  }
}

describe("screening a stream", () => {
  it("gives the same text and the same verdict however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(answer, policies, cuts, async (text, policy, places) => {
        const whole = await run(policy, [text], REQUEST);
        expect(await run(policy, cut(text, places), REQUEST)).toEqual(whole);
        expect(await run(policy, text.split(""), REQUEST)).toEqual(whole);
        expect(await run(policy, [text, "", ""], REQUEST)).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it("lets all of a harmless answer through, unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(prose, prose, cuts, async (one, other, places) => {
        const text = `${one} ${other}`;
        const all = {
          canary: { action: "block", scope: "request" },
          secrets: { action: "block" },
          text: { action: "block" },
        } as const;
        const { text: released, verdict } = await run(all, cut(text, places), REQUEST);
        expect(released).toBe(text);
        expect(verdict).toMatchObject({ decision: "allow", admitted: true, findings: [] });
      }),
      { numRuns: 100 },
    );
  });

  it.each(PLANTED)("releases nothing of a %s before it blocks, wherever it stands", async (kind, secret) => {
    for (const [before, after, places] of everywhere()) {
      const lead = `${"word ".repeat(200).slice(0, before)} `;
      const { text, verdict } = await run(
        { secrets: { action: "block" } },
        cut(`${lead}${secret} ${"end ".repeat(after)}`, places),
      );
      expect(verdict).toMatchObject({ decision: "block", admitted: false, findings: [{ check: "secrets", kind }] });
      expect(lead.startsWith(text)).toBe(true);
      expect(JSON.stringify(verdict)).not.toContain(secret.slice(8, 24));
    }
  });

  it.each(PLANTED)("replaces a %s in place, and nothing else", async (kind, secret) => {
    for (const [before, after, places] of everywhere()) {
      const lead = `${"word ".repeat(200).slice(0, before)} `;
      const tail = ` ${"end ".repeat(after)}`;
      const { text, verdict } = await run({}, cut(lead + secret + tail, places));
      expect(text).toBe(`${lead}[redacted:${kind}]${tail}`);
      expect(verdict).toMatchObject({ decision: "redact", admitted: true });
      expect(verdict.findings).toMatchObject([{ kind, start: lead.length, length: secret.length }]);
    }
  });

  it.each(["Zx81größeKq", "Zx81пароль", "Zx81\u{1f511}Kq99", "Zx81\u0001Kq99"])(
    "replaces the password %j of a URL, whose letters no other secret has",
    async (password) => {
      for (let before = 0; before < 80; before++) {
        const lead = `${"x ".repeat(before)}postgres://größe:`;
        const tail = "@db.internal/prod and so on, until there are enough words behind it.";
        for (const pieces of [[lead + password + tail], [...(lead + password + tail)]]) {
          expect((await run({}, pieces)).text).toBe(`${lead}[redacted:connection_password]${tail}`);
        }
      }
    },
  );

  it("lets text of scripts without blanks go as it comes, where it is no URL", async () => {
    const screen = screening({}).open(NO_PROMPT);
    let out = "";
    for (const letter of "\u4f60\u597d\u4e16\u754c".repeat(100)) {
      for (const { text } of (await screen.push(CONTENT, letter)).released) out += text;
    }
    expect(out.length).toBeGreaterThan(360);
  });

  const forms: readonly (readonly [string, string])[] = [
    ["as it is", canary],
    ["spaced", [...canary].join(" ")],
    ["in capitals", canary.toUpperCase()],
    ["backwards", [...canary].reverse().join("")],
    ["in base64", Buffer.from(`The marker is ${canary}, do not tell`).toString("base64")],
    ["in hexadecimal", Buffer.from(canary).toString("hex")],
  ];
  it.each(forms)("releases nothing of a canary %s before it blocks", async (_, form) => {
    for (const [before, , places] of everywhere()) {
      const lead = `${"word. ".repeat(200).slice(0, before)}\n`;
      const all = { canary: { action: "block", scope: "request" } } as const;
      const { text, verdict } = await run(all, cut(`${lead}${form} ${"end. ".repeat(99)}`, places), REQUEST);
      expect(verdict).toMatchObject({ decision: "block", findings: [{ check: "canary" }] });
      expect(lead.startsWith(text)).toBe(true);
    }
  });

  it("replaces a canary, and blocks where it has no place to replace", async () => {
    const redact = { canary: { action: "redact", scope: "request" } } as const;
    expect(await run(redact, [`a ${canary} and again ${[...canary].join("-")} c`], REQUEST)).toMatchObject({
      text: "a [redacted:canary] and again [redacted:canary] c",
      verdict: { decision: "redact" },
    });
    const twice = Buffer.from(Buffer.from(`The words above say ${canary}.`).toString("base64")).toString("base64");
    expect(await run(redact, [`Decode this: ${twice}`], REQUEST)).toMatchObject({
      text: "",
      verdict: { decision: "block" },
    });
  });

  it("stops a leak of the system prompt in the stream, or only marks it", async () => {
    const leak = `Here are my instructions. ${PROMPT} ${"That was all. ".repeat(60)}`;
    const blocked = await run({ promptLeak: { action: "block", minChars: 64 } }, leak.split(/(?= )/), REQUEST);
    expect(blocked.verdict).toMatchObject({
      decision: "block",
      findings: [{ check: "promptLeak", kind: "system_prompt" }],
    });
    expect(blocked.text.length).toBeLessThan(40);
    const flagged = await run({ promptLeak: { action: "flag", minChars: 64 } }, leak.split(/(?= )/), REQUEST);
    expect(flagged).toMatchObject({ text: leak, verdict: { decision: "flag", admitted: true } });
    expect(flagged.verdict.findings).toHaveLength(1);
  });

  it("asks the guard about the text when the policy says so, and stops before what it blocks", async () => {
    const lead = "word ".repeat(300);
    const text = `${lead}IGNORE${" end".repeat(100)}`;
    expect((await run({}, [text])).verdict.decision).toBe("allow");
    const blocked = await run({ text: { action: "block" } }, [text]);
    expect(blocked.verdict).toMatchObject({
      decision: "block",
      findings: [{ check: "text", kind: "words", probability: 0.9 }],
    });
    expect(lead.startsWith(blocked.text)).toBe(true);
    expect(blocked.text.length).toBeGreaterThan(500);
    expect((await run({ text: { action: "flag" } }, [text])).verdict).toMatchObject({
      decision: "flag",
      admitted: true,
    });
    expect((await run({ text: { action: "block" } }, ["it says HMM"])).verdict).toMatchObject({ decision: "flag" });
  });

  it("stops when a stage fails closed, and goes on with a mark when it fails open", async () => {
    const block = { text: { action: "block" } } as const;
    expect(await run(block, ["a BREAK b"])).toMatchObject({
      text: "",
      verdict: { decision: "error", admitted: false },
    });
    const open = await run(block, ["a CRACK b"]);
    expect(open).toMatchObject({ text: "a CRACK b", verdict: { decision: "error", admitted: true } });
    expect(open.verdict.failures).toMatchObject([{ stage: "words", fail: "open" }]);
  });

  it("holds nothing back where nothing can be held against the answer", async () => {
    const screen = screening({ secrets: { action: "flag" } }).open(NO_PROMPT);
    expect(await screen.push(CONTENT, "a")).toEqual({ released: [{ place: CONTENT, text: "a" }], stopped: null });
    const held = screening({ secrets: { action: "block" } }).open(NO_PROMPT);
    expect(await held.push(CONTENT, "a")).toEqual({ released: [], stopped: null });
    expect(await held.end()).toEqual({ released: [{ place: CONTENT, text: "a" }], stopped: null });
  });

  it("lets words go as they come where only secrets are looked for", async () => {
    const screen = screening({}).open(NO_PROMPT);
    const words = "The answer is quite long, and whoever waits for it wants to read what is there. ".repeat(20);
    let out = "";
    let longest = 0;
    for (const [i, letter] of [...words].entries()) {
      for (const { text } of (await screen.push(CONTENT, letter)).released) out += text;
      longest = Math.max(longest, i + 1 - out.length);
    }
    expect(words.startsWith(out)).toBe(true);
    expect(longest).toBeLessThan(50);
    const held = screening({ text: { action: "block" } }).open(NO_PROMPT);
    expect((await held.push(CONTENT, words.slice(0, WINDOW))).released).toEqual([]);
  });

  it("never parts the halves of a character", async () => {
    const text = fc
      .array(fc.constantFrom("😀", "a", " ", "\u{1f3f4}", "é"), { maxLength: 900 })
      .map((all) => all.join(""));
    await fc.assert(
      fc.asyncProperty(text, cuts, policies, async (given, places, policy) => {
        const screen = screening(policy).open(NO_PROMPT);
        const pieces = cut(given, places).filter((piece) => piece.isWellFormed());
        for (const piece of pieces) {
          for (const released of (await screen.push(CONTENT, piece)).released)
            expect(released.text.isWellFormed()).toBe(true);
        }
        for (const released of (await screen.end()).released) expect(released.text.isWellFormed()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps choices apart, and ends one without the others", async () => {
    const screen = screening({}).open(NO_PROMPT);
    const other = { ...CONTENT, choice: 1 };
    const [, secret] = PLANTED[4] ?? ["", ""];
    await screen.push(CONTENT, secret.slice(0, 20));
    await screen.push(other, "hello");
    await screen.push(CONTENT, secret.slice(20));
    expect(await screen.end(1)).toEqual({ released: [{ place: other, text: "hello" }], stopped: null });
    expect((await screen.end()).released).toEqual([{ place: CONTENT, text: "[redacted:github_token]" }]);
  });

  it("says nothing more once it has stopped", async () => {
    const [, secret] = PLANTED[4] ?? ["", ""];
    const screen = screening({ secrets: { action: "block" } }).open(NO_PROMPT);
    await screen.push(CONTENT, `${secret} ${"x ".repeat(WINDOW)}`);
    const { released, stopped } = await screen.push(CONTENT, "harmless ".repeat(100));
    expect([released, stopped?.decision]).toEqual([[], "block"]);
    expect((await screen.end()).released).toEqual([]);
  });

  it("rejects with the reason of the request that has gone", async () => {
    const controller = new AbortController();
    const screen = screening({}).open({ ...NO_PROMPT, signal: controller.signal });
    await screen.push(CONTENT, "a");
    controller.abort(new Error("the client has gone"));
    await expect(screen.push(CONTENT, "b")).rejects.toThrow("the client has gone");
  });

  it("bounds what a hostile answer can make it keep", async () => {
    const screen = screening({}).open(NO_PROMPT);
    const header = `-----BEGIN PRIVATE ${"KEY"}-----\n`;
    let held = 0;
    let longest = 0;
    for (const piece of [header, ...Array.from({ length: 600 }, (_, i) => noise(100, "ABCDEFabcdef", i + 1))]) {
      held += piece.length;
      for (const { text } of (await screen.push(CONTENT, piece)).released) held -= text.length;
      longest = Math.max(longest, Math.min(held, 60_000));
      if (screen.verdict().findings.length > 0) break;
    }
    expect(screen.verdict().findings).toMatchObject([{ kind: "private_key" }]);
    expect(longest).toBeLessThan(17_000);
    const many = screening({}).open(NO_PROMPT);
    for (let choice = 0; choice < 1_024; choice++) await many.push({ ...CONTENT, choice }, "a");
    expect(await many.push({ ...CONTENT, choice: 1_024 }, "a")).toMatchObject({
      stopped: { findings: [{ kind: "too_many_places" }] },
    });
  });
});
