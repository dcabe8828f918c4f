import type { FastifyInstance } from "fastify";
import { ApiError } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import type { FinishWatch } from "../finish-watch.ts";
import { serve } from "../serve.ts";
import { goneSignal } from "../gone.ts";

/** Runs: submit, list, read, cancel. */
export function serveRuns(
  app: FastifyInstance,
  { submit, reader, catalog, settings }: HttpDeps,
  watch: FinishWatch,
): void {
  serve(app, "createRun", async ({ body, query, reply }) => {
    const run = await submit.submitRun(body);
    reply.header("location", `/api/v1/runs/${run.id}`);
    if (!query.wait) return run;
    // A caller that goes away stops waiting; its run goes on.
    const finished = await watch.untilFinished(run.id, settings.waitTimeoutMs, goneSignal(reply));
    return finished ?? (await reader.getRun(run.id).catch(() => null)) ?? run;
  });

  serve(app, "createBatch", async ({ body }) => ({ runs: await submit.submitBatch(body.runs) }));

  serve(app, "listRuns", async ({ query }) => {
    if (query.language === undefined) return reader.listRuns(query);
    // Runs are stored under the language's own name, whatever name was asked for.
    const name = query.language.toLowerCase();
    const known = (await catalog()).languages.find((one) => one.name === name || one.aliases.includes(name));
    return reader.listRuns({ ...query, language: known?.name ?? query.language });
  });

  serve(app, "getRun", async ({ params }) => {
    const run = await reader.getRun(params.id);
    if (run === null) throw new ApiError("not_found", `there is no run ${params.id}`);
    return run;
  });

  serve(app, "getRunArtifact", async ({ params, query, reply }) => {
    const run = await reader.getRun(params.id);
    if (run === null) throw new ApiError("not_found", `there is no run ${params.id}`);
    const file = run.outcome?.artifacts?.files.find(({ path }) => path === query.path);
    if (file === undefined)
      throw new ApiError("file_not_found", "the run gave back no file of that path", { field: "path" });
    // Whatever a program calls its file: no browser may take it for a page of ours.
    return reply
      .type("application/octet-stream")
      .header("content-disposition", "attachment")
      .send(Buffer.from(file.content, file.encoding));
  });

  serve(app, "cancelRun", async ({ params }) => submit.cancelRun(params.id));
}
