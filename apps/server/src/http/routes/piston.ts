import type { FastifyInstance } from "fastify";
import { ApiError, RunRequest } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import type { FinishWatch } from "../finish-watch.ts";
import { goneSignal } from "../gone.ts";
import { followOutput } from "../piston/output-order.ts";
import { toRunRequest } from "../piston/request.ts";
import { toPistonResponse } from "../piston/response.ts";
import { findRuntime, runtimesOf, semverOf } from "../piston/runtimes.ts";
import { parseInput } from "../schema-errors.ts";
import { serve } from "../serve.ts";
import type { Handler } from "../serve.ts";

/** Where clients of Piston look: a server of its own, and the closed public one. */
const PREFIXES = ["/api/v2", "/api/v2/piston"];

/** The execute API of Piston v2. */
export function servePiston(app: FastifyInstance, deps: HttpDeps, watch: FinishWatch): void {
  const { submit, bus, catalog, settings } = deps;

  const execute: Handler<"pistonExecute"> = async ({ body, reply }) => {
    const { languages, maxLimits } = await catalog();
    const language = findRuntime(languages, body.language, body.version);
    if (language === null)
      throw new ApiError("unknown_language", `${body.language}-${body.version} runtime is unknown`);
    const parsed = parseInput(RunRequest, toRunRequest(body, language, maxLimits), "body");
    if ("error" in parsed) throw parsed.error;

    const run = await submit.submitRun(parsed.value as RunRequest);
    const order = followOutput(bus, run.id);
    const gone = goneSignal(reply);
    try {
      const finished = await watch.untilFinished(run.id, settings.executeTimeoutMs, gone);
      if (finished?.outcome)
        return toPistonResponse(language.name, semverOf(language.version), finished.outcome, order);
      // Nobody has this run's id, so nobody can come back for it.
      if (gone.aborted) await submit.cancelRun(run.id).catch(() => {});
      throw new ApiError("shutting_down", "the run has not finished in time, or the server stops");
    } finally {
      order.stop();
    }
  };

  void app.register(async (piston) => {
    piston.addHook("onRequest", async ({ method, headers }) => {
      if (method === "POST" && !headers["content-type"]?.startsWith("application/json")) {
        throw new ApiError("unsupported_media_type", "requests must be of type application/json");
      }
    });
    for (const prefix of PREFIXES) {
      serve(piston, "pistonExecute", execute, { path: `${prefix}/execute` });
      serve(piston, "pistonRuntimes", async () => runtimesOf((await catalog()).languages), {
        path: `${prefix}/runtimes`,
      });
    }
  });
}
