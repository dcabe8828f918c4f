import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Characters of an alphabet that look random and are the same each time: no secret stands in this repository. */
export function noise(length: number, alphabet = BASE62, seed = 1): string {
  let state = seed * 2_654_435_761;
  let text = "";
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    text += alphabet[(state >>> 8) % alphabet.length];
  }
  return text;
}

/** 36 characters, the last six of them the checksum of the others. */
export function withChecksum(seed = 1): string {
  const body = noise(30, BASE62, seed);
  let rest = crc32(body);
  let sum = "";
  for (let i = 0; i < 6; i++) {
    sum = `${BASE62[rest % 62]}${sum}`;
    rest = Math.floor(rest / 62);
  }
  return body + sum;
}

const HEX = "0123456789abcdef";
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const URL_SAFE = `${BASE62}-_`;

/** A PEM block with so many lines of key. */
export function pem(lines: number, newline = "\n"): string {
  const label = `RSA PRIVATE ${"KEY"}`;
  const body = Array.from({ length: lines }, (_, i) => noise(64, `${BASE62}+/`, i + 1));
  return [`-----BEGIN ${label}-----`, ...body, `-----END ${label}-----`].join(newline);
}

/** One of each kind, none of them in use anywhere. */
export const PLANTED: readonly (readonly [kind: string, secret: string])[] = [
  ["private_key", pem(25)],
  ["private_key", pem(25, "\\n")],
  ["jwt", `${base64url({ alg: "HS256" })}.${base64url({ sub: "7", role: "admin" })}.${noise(43, URL_SAFE)}`],
  ["aws_access_key_id", `AKIA${noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}`],
  ["github_token", `ghp_${withChecksum()}`],
  ["github_token", `github_pat_${noise(22)}_${noise(59)}`],
  ["npm_token", `npm_${withChecksum(2)}`],
  ["gitlab_token", `glpat-${noise(20)}`],
  ["openai_key", `sk-${noise(20)}T3BlbkFJ${noise(20, BASE62, 3)}`],
  ["openai_key", `sk-proj-${noise(74, URL_SAFE)}T3BlbkFJ${noise(74, URL_SAFE, 3)}`],
  ["anthropic_key", `sk-ant-api03-${noise(93, URL_SAFE)}AA`],
  ["google_key", `AIza${noise(35, URL_SAFE)}`],
  ["google_oauth_secret", `GOCSPX-${noise(28, URL_SAFE)}`],
  ["google_oauth_token", `ya29.${noise(120, URL_SAFE)}`],
  ["slack_token", `xoxb-${noise(12, "123456789")}-${noise(13, "123456789", 2)}-${noise(24)}`],
  ["slack_token", `xapp-1-A${noise(10, "ABCDEFGH123")}-${noise(13, "123456789")}-${noise(64, HEX)}`],
  ["slack_webhook", `https://hooks.slack.com/services/T${noise(10, "ABC123")}/B${noise(10, "ABC123", 2)}/${noise(24)}`],
  ["stripe_key", `sk_live_${noise(24)}`],
  ["stripe_webhook_secret", `whsec_${noise(32)}`],
  ["huggingface_token", `hf_${noise(34, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")}`],
  ["pypi_token", `pypi-AgEIcHlwaS5vcmc${noise(120, URL_SAFE)}`],
  ["sendgrid_key", `SG.${noise(22, URL_SAFE)}.${noise(43, URL_SAFE, 2)}`],
  ["twilio_key", `SK${noise(32, HEX)}`],
  ["telegram_token", `${noise(10, "123456789")}:AA${noise(33, URL_SAFE)}`],
  ["digitalocean_token", `dop_v1_${noise(64, HEX)}`],
  ["shopify_token", `shpat_${noise(32, HEX)}`],
  ["crucible_key", `crucible_${noise(43, URL_SAFE)}`],
];
