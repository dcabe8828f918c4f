/** How an answer of the stub goes wrong. */
export const BREAKS = ["cut", "garbage", "hang", "endless", "not_json", "huge"] as const;

/** What a client orders from the stub by the name of the model, such as `stub?status=503&times=2`. */
export interface Orders {
  /** Before the answer begins, milliseconds. */
  readonly latencyMs: number;
  /** Between the pieces of a stream, milliseconds. */
  readonly chunkMs: number;
  /** What it says; null: what it was told. */
  readonly say: string | null;
  /** So many words instead; 0: what `say` has. */
  readonly words: number;
  /** Calls this function, with the prompt as `input`. */
  readonly tool: string | null;
  /** An error status in place of an answer; 200: none. */
  readonly status: number;
  /** How many requests of this very name get the error or the break, the following ones do not; 0: all. */
  readonly times: number;
  /** `Retry-After` of an error, seconds. */
  readonly retryAfter: number | null;
  readonly break: (typeof BREAKS)[number] | null;
  /** Pieces of the stream before it breaks. */
  readonly after: number;
}

/** Reads the orders in a model's name; a message says what is wrong with them. */
export function readOrders(model: string, latencyMs: number): Orders | string {
  const query = new URLSearchParams(model.slice(model.indexOf("?") + 1 || model.length));
  const problems: string[] = [];
  const whole = (name: string, most: number, otherwise: number): number => {
    const given = query.get(name);
    if (given === null) return otherwise;
    if (/^\d+$/.test(given) && Number(given) <= most) return Number(given);
    problems.push(`${name} must be a whole number up to ${most}`);
    return otherwise;
  };
  const known = ["latencyMs", "chunkMs", "say", "words", "tool", "status", "times", "retryAfter", "break", "after"];
  for (const name of query.keys())
    if (!known.includes(name))
      problems.push(`the stub knows no order ${JSON.stringify(name)}; there is: ${known.join(", ")}`);
  const broken = query.get("break");
  const kind = BREAKS.find((one) => one === broken) ?? null;
  if (broken !== null && kind === null) problems.push(`break must be one of: ${BREAKS.join(", ")}`);
  const orders: Orders = {
    latencyMs: whole("latencyMs", 3_600_000, latencyMs),
    chunkMs: whole("chunkMs", 3_600_000, 0),
    say: query.get("say"),
    words: whole("words", 100_000, 0),
    tool: query.get("tool"),
    status: whole("status", 599, 200),
    times: whole("times", 1_000_000, 0),
    retryAfter: query.has("retryAfter") ? whole("retryAfter", 86_400, 0) : null,
    break: kind,
    after: whole("after", 100_000, 2),
  };
  if (orders.status < 200) problems.push("status must be from 200 to 599");
  return problems[0] ?? orders;
}
