import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Random part and checksum of the tokens of GitHub and npm. */
const RANDOM = 30;
const CHECKSUM = 6;

/**
 * Whether the last six of 36 characters are the CRC-32 of those before, in base 62: the tokens of GitHub
 * (github.blog/2021-04-05-behind-githubs-new-authentication-token-formats) and npm.
 */
export function hasChecksum(body: string): boolean {
  let rest = crc32(body.slice(0, RANDOM));
  let expected = "";
  for (let i = 0; i < CHECKSUM; i++) {
    expected = `${BASE62[rest % 62]}${expected}`;
    rest = Math.floor(rest / 62);
  }
  return body.slice(RANDOM) === expected;
}

/** Whether a JSON Web Token (RFC 7519) has a header that names an algorithm, and is not the one of every tutorial. */
export function isJwt(token: string): boolean {
  const [header = "", payload = ""] = token.split(".");
  try {
    const { alg } = JSON.parse(Buffer.from(header, "base64url").toString()) as { alg?: unknown };
    if (typeof alg !== "string") return false;
  } catch {
    return false;
  }
  return !/John Doe|1234567890/.test(Buffer.from(payload, "base64url").toString());
}

/** Whether there is key material after the line that begins a PEM block (RFC 7468): prose about one has none. */
export function isPem(block: string): boolean {
  return /[A-Za-z0-9+/]{32}/.test(block.slice(block.indexOf("KEY") + 3));
}
