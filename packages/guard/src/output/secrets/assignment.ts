import { entropyOf, isStandIn, isStandInPassword } from "./placeholder.ts";
import type { SecretFormat } from "./formats.ts";

/** Names of what a program keeps to itself. */
const NAME =
  "api[_-]?key|secret|token|passw(?:or)?d|passphrase|pwd|credentials?|private[_-]?key|access[_-]?key|auth[_-]?key";
/** Names that end so are of something derived or public. */
const PUBLIC_NAME =
  /(?:hash|digest|checksum|sha\d*|md5|commit|etag|fingerprint|public[_-]?key|[_-]?id|[_-]?name|[_-]?url|[_-]?type|count|length|limit|max|min)$/i;
const PASSWORD_NAME = /passw(?:or)?d|passphrase|pwd/i;

/**
 * A random-looking value that something named like a secret is set to, in code, settings, JSON, headers or prose. An
 * identifier, a path, a call, a UUID, a hash under its own name and a placeholder are none.
 */
export function assignmentFormat(): SecretFormat {
  return {
    kind: "assigned_secret",
    hints: ["=", ":", " is "],
    pattern: new RegExp(
      String.raw`(?:${NAME})[\w.-]{0,24}\\?["'\x60]?\s{0,4}(?::=|=>|[:=]|\sis\s)\s{0,4}\\?["'\x60]?(?:Bearer |Basic )?([\w+/=.~!@#%^&*-]{8,200})`,
      "dgi",
    ),
    accepts: (value, match) => {
      const name = /^[\w.-]+/.exec(match)?.[0] ?? "";
      if (PUBLIC_NAME.test(name)) return false;
      return PASSWORD_NAME.test(name) ? isChosen(value) : isGenerated(value);
    },
  };
}

/** At least three kinds of characters: a person's password rather than a word of a sentence or a name of a program. */
function isChosen(value: string): boolean {
  if (/^[a-z]+(?:[A-Z][a-z]*\d*)+$|^[\w$]+(?:\.[\w$]+)+$/.test(value)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value.replace(/[.,!]+$/, "")));
  return (kinds.length >= 3 && !isStandInPassword(value) && !PATH.test(value)) || isGenerated(value);
}

function isGenerated(value: string): boolean {
  if (value.length < 20 || isStandIn(value) || isCode(value)) return false;
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  // 16 random hexadecimal digits have about 3.3 bits each by this count, 20 random base64 characters about 4.
  return entropyOf(value) >= (/^[0-9a-f]+$/i.test(value) ? 3 : 3.5);
}

const PATH = /^(?:[a-z]+:)?\/\/|^\.{0,2}\/|\.(?:js|ts|py|json|ya?ml|txt|pem|com|org|net|io)$/i;
/** Letters and digits of identifiers change their kind with each word, those of random values with each other one. */
const WORD_LENGTH = 3.2;

/** Paths, dotted names, identifiers and what else is written in words. */
function isCode(value: string): boolean {
  if (PATH.test(value)) return true;
  const words = value.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g) ?? [];
  return words.join("").length >= words.length * WORD_LENGTH;
}
