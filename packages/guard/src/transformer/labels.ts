/** Labels of public models, upper case. */
const ATTACKS = new Set([
  "INJECTION",
  "INDIRECT_INJECTION",
  "PROMPT_INJECTION",
  "JAILBREAK",
  "MALICIOUS",
  "ATTACK",
  "UNSAFE",
  "HARMFUL",
  "LABEL_1",
]);
const OTHERS = new Set(["SAFE", "BENIGN", "LEGIT", "LEGITIMATE", "NORMAL", "HARMLESS", "NO_INJECTION", "LABEL_0"]);

/**
 * Positions of the labels that mean an attack: those that were named, or those with a known meaning. Null and the
 * reason where that leaves open what a label means.
 */
export function attackLabels(
  labels: readonly string[],
  named: readonly string[] | undefined,
): { readonly attacks: readonly number[] } | { readonly attacks: null; readonly reason: string } {
  const list = labels.map((label) => JSON.stringify(label)).join(", ");
  if (named !== undefined) {
    const unknown = named.find((label) => !labels.includes(label));
    if (unknown !== undefined) {
      return { attacks: null, reason: `attackLabels names ${JSON.stringify(unknown)}; the model has ${list}` };
    }
  }
  const isAttack = (label: string): boolean => named?.includes(label) ?? ATTACKS.has(plain(label));
  const unclear = labels.find((label) => !isAttack(label) && named === undefined && !OTHERS.has(plain(label)));
  const attacks = labels.flatMap((label, i) => (isAttack(label) ? [i] : []));
  if (unclear === undefined && attacks.length > 0 && (attacks.length < labels.length || labels.length === 1)) {
    return { attacks };
  }
  return {
    attacks: null,
    reason: `which of the labels ${list} mean an attack is not clear; say it in crucible.json: {"attackLabels": [...]}`,
  };
}

const plain = (label: string): string => label.toUpperCase().replaceAll(/[\s-]+/g, "_");
