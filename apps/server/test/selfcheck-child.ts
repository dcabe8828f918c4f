import { TEST_SELFCHECK } from "../src/http/testing/fakes.ts";
import type { FromSelfcheck, ToSelfcheck } from "../src/selfcheck/types.ts";

/** Stands in for the module that carries out self-checks: does what the first engine's name says. */
const say = (message: FromSelfcheck): void => void process.send?.(message);

process.on("message", (message: ToSelfcheck) => {
  if (message.kind === "stop") process.exit(0);
  const [what = "report"] = message.request.engines ?? [];
  for (const failed of [false, true]) say({ kind: "step", total: 2, failed });
  switch (what) {
    case "report":
      // What a process of a self-check has of its server.
      return finish({ ...TEST_SELFCHECK, host: { ...TEST_SELFCHECK.host, os: Object.keys(process.env).join(" ") } });
    case "lie":
      return finish({ checks: [] });
    case "problem":
      say({ kind: "problem", reason: "nothing isolates here" });
      return process.exit(0);
    case "die":
      return void process.kill(process.pid, "SIGKILL");
    case "deaf":
      process.removeAllListeners("message");
      return void setInterval(() => undefined, 1_000);
    default:
      // Waits until it is told to stop.
      break;
  }
});

function finish(report: unknown): void {
  process.send?.({ kind: "report", report } satisfies FromSelfcheck, undefined, undefined, () => process.exit(0));
}
