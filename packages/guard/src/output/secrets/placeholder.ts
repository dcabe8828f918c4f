/** Words and patterns of values that stand where a secret would stand. */
const STAND_IN =
  /example|placeholder|sample|dummy|redacted|change_?me|your[_-]?|x{5,}|\*{3,}|\.{3}|1234567|abcdefg|(.)\1{7,}|\{\{|\$\{/i;
/** What people write for a password that is none. */
const STAND_IN_PASSWORD =
  /^(?:pass(?:word|wd|phrase)?|pwd|secret|user(?:name)?|admin|root|guest|test(?:ing)?|postgres|mysql|redis|hunter2|foobar|qwerty|letmein)\d{0,4}[!.]?$/i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a value only shows what a secret looks like. */
export function isStandIn(value: string): boolean {
  return STAND_IN.test(value) || UUID.test(value);
}

/** As `isStandIn`, for what people choose themselves. */
export function isStandInPassword(value: string): boolean {
  return isStandIn(value) || STAND_IN_PASSWORD.test(value) || /^[<[({%$].*[>\])}%]?$/.test(value);
}

/** Shannon entropy of the characters, bits for each. */
export function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}
