import type { FastifyInstance } from "fastify";
import { ApiError, ROUTES } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import { serve } from "../serve.ts";

const NO_SELFCHECKS =
  "this process carries out none: it takes the worker role and a start by `crucible serve`; or run `crucible selfcheck` there";

/** What this host offers: languages and engines, and the proof of what they promise. */
export function servePlatform(app: FastifyInstance, { catalog, selfcheck, selfchecks }: HttpDeps): void {
  serve(app, "listLanguages", async () => ({ languages: [...(await catalog()).languages] }));
  serve(app, "listEngines", async () => ({ engines: [...(await catalog()).engines] }));
  serve(app, "getSelfcheck", async () => {
    const report = await selfcheck();
    if (report === null) throw new ApiError("not_found", "no report yet: run `crucible selfcheck` on this host");
    return report;
  });
  const running = () => {
    if (selfchecks === null) throw new ApiError("engine_unavailable", NO_SELFCHECKS);
    return selfchecks;
  };
  serve(app, "startSelfcheck", async ({ body, reply }) => {
    const background = running();
    const { engines } = await catalog();
    for (const name of body.engines ?? []) {
      const known = engines.find(({ engine }) => engine === name);
      if (known?.available === true) continue;
      const reason = known === undefined ? "there is none of this name" : (known.reason ?? "it does not work here");
      throw new ApiError("engine_unavailable", `engine ${JSON.stringify(name)}: ${reason}`, { field: "engines" });
    }
    const progress = await background.start(body);
    reply.header("location", ROUTES.getSelfcheckProgress.path);
    return progress;
  });
  serve(app, "getSelfcheckProgress", async () => running().progress());
}
