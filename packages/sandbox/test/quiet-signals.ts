const because = "shells, the launcher among them, say nothing of this signal: it is reported as the exit code 128 + n";

/** What engines with the launcher shell do not promise, by check. */
export const QUIET_SIGNALS: Readonly<Record<string, string>> = {
  "outcomes.signaled-int": because,
  "outcomes.signaled-pipe": because,
};
