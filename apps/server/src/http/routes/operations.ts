import type { FastifyInstance } from "fastify";
import type { Readiness } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import { serve } from "../serve.ts";

type Check = Readiness["checks"]["database"];

/** Runs a check with a deadline. What failed is named; the fault's own message goes to the log alone. */
async function check(name: string, run: () => Promise<string>, deps: HttpDeps): Promise<Check> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer in time")), deps.settings.readinessTimeoutMs);
  try {
    return { ok: true, detail: await Promise.race([run(), late.promise]) };
  } catch (error) {
    deps.log.warn({ err: error, check: name }, "not ready");
    return { ok: false, detail: `${name} does not work` };
  } finally {
    clearTimeout(timer);
  }
}

/** Health, readiness and metrics. */
export function serveOperations(app: FastifyInstance, deps: HttpDeps): void {
  serve(app, "health", async () => ({ status: "ok" as const }));

  serve(app, "readiness", async ({ reply }) => {
    const [database, queue, engine] = await Promise.all([
      check(
        "database",
        async () => {
          await deps.reader.ping();
          return "answers";
        },
        deps,
      ),
      check(
        "queue",
        async () => {
          await deps.queueReady();
          return "answers";
        },
        deps,
      ),
      check(
        "engine",
        async () => {
          if (deps.api === false) return "not needed: no runs here";
          const usable = (await deps.catalog()).engines.filter(({ available, allowed }) => available && allowed);
          if (usable.length === 0) throw new Error("no engine is available and allowed");
          return usable.map(({ engine: name, isolation }) => `${name} (${isolation})`).join(", ");
        },
        deps,
      ),
    ]);
    const ready = database.ok && queue.ok && engine.ok;
    reply.code(ready ? 200 : 503);
    return { status: ready ? ("ready" as const) : ("not_ready" as const), checks: { database, queue, engine } };
  });

  serve(app, "metrics", async ({ reply }) => {
    const { contentType, body } = await deps.metrics.exposition();
    return reply.type(contentType).send(body);
  });
}
