import type { FastifyInstance } from "fastify";
import { ApiError } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import { serve } from "../serve.ts";

/** What this host offers: languages and engines, and the proof of what they promise. */
export function servePlatform(app: FastifyInstance, { catalog, selfcheck }: HttpDeps): void {
  serve(app, "listLanguages", async () => ({ languages: [...(await catalog()).languages] }));
  serve(app, "listEngines", async () => ({ engines: [...(await catalog()).engines] }));
  serve(app, "getSelfcheck", async () => {
    const report = await selfcheck();
    if (report === null) throw new ApiError("not_found", "no report yet: run `crucible selfcheck` on this host");
    return report;
  });
}
