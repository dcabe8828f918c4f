import { randomBytes } from "node:crypto";

/** A secret that opens nothing, the same in all decoys of one run, and of no other run. */
export interface Decoy {
  /** 40 hexadecimal digits. */
  readonly secret: string;
  /** Variables for the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Content of the decoy credential file. */
  readonly file: string;
}

/** Where programs that collect credentials look, relative to the home directory. */
export const DECOY_IN_HOME = ".aws/credentials";

/** Makes the decoys of one run. */
export function newDecoy(): Decoy {
  const secret = randomBytes(20).toString("hex");
  return {
    secret,
    env: { AWS_SECRET_ACCESS_KEY: secret },
    file: `[default]\naws_access_key_id = AKIA${secret.slice(0, 16).toUpperCase()}\naws_secret_access_key = ${secret}\n`,
  };
}

/** What the secret looks like after the ways in which programs hide what they send out. */
function formsOf(secret: string): string[] {
  const hex = Buffer.from(secret).toString("hex");
  // Base64 takes three bytes at a time: the secret looks different at each of three offsets (RFC 4648, 4).
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.from("\0".repeat(offset) + secret).toString("base64");
    // The first and the last group also hold what stands beside the secret.
    return text.slice(offset === 0 ? 0 : 4, -4);
  });
  return [secret, secret.toUpperCase(), [...secret].toReversed().join(""), hex, hex.toUpperCase(), ...base64];
}

/** Searched at each end of a stream: programs with more output than this are not slowed down by ours. Bytes. */
const SEARCHED_BYTES = 512 * 1024;

/** Whether output holds the secret, as it is, reversed, or in hexadecimal or Base64, with line breaks or without. */
export function holdsSecret(output: Uint8Array, secret: string): boolean {
  // What every form takes at least.
  if (output.length < secret.length) return false;
  const ends =
    output.length <= 2 * SEARCHED_BYTES
      ? [output]
      : [output.subarray(0, SEARCHED_BYTES), output.subarray(output.length - SEARCHED_BYTES)];
  const forms = formsOf(secret);
  return ends.some((end) => {
    const text = Buffer.from(end.buffer, end.byteOffset, end.byteLength).toString("latin1");
    const joined = /\s/.test(text) ? text.replaceAll(/\s+/g, "") : text;
    return forms.some((form) => joined.includes(form));
  });
}
