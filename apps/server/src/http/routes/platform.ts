import type { FastifyInstance } from "fastify";
import type { HttpDeps } from "../deps.ts";
import { serve } from "../serve.ts";

/** What this host offers: languages and engines. */
export function servePlatform(app: FastifyInstance, { catalog }: HttpDeps): void {
  serve(app, "listLanguages", async () => ({ languages: [...(await catalog()).languages] }));
  serve(app, "listEngines", async () => ({ engines: [...(await catalog()).engines] }));
}
