import type { FastifyInstance } from "fastify";
import { ApiError } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import { goneSignal } from "../gone.ts";
import { serve } from "../serve.ts";

/** Screenings: make one without a model, list, read, count. */
export function serveScreenings(app: FastifyInstance, { screenings, screen }: HttpDeps): void {
  serve(app, "createScreening", async ({ body, request, reply }) => {
    if (screen === null)
      throw new ApiError("guard_unavailable", "this server has no guard: give it the role `gateway`");
    const signal = goneSignal(reply);
    try {
      return await screen(body, { keyId: request.keyId, requestId: request.id, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      // Nobody is there to read an answer.
      return reply.hijack();
    }
  });

  serve(app, "listScreenings", async ({ query }) => screenings.listScreenings(query));

  serve(app, "screeningStatistics", async ({ query }) => screenings.statistics(query));

  serve(app, "getScreening", async ({ params }) => {
    const screening = await screenings.getScreening(params.id);
    if (screening === null) throw new ApiError("not_found", `there is no screening ${params.id}`);
    return screening;
  });
}
