import type { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { ApiError } from "@crucible/contract";
import type { HttpDeps } from "../deps.ts";
import { openEventStream } from "../event-stream.ts";
import { serve } from "../serve.ts";

/** Last-Event-ID as a number; 0 when there is none. Throws `invalid_request`. */
function lastSeq(header: string | string[] | undefined): number {
  if (header === undefined || header === "") return 0;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  throw new ApiError("invalid_request", "Last-Event-ID must be the `id` of an event of this run", {
    field: "Last-Event-ID",
  });
}

/** Server-Sent Events of a run. Open streams end when the server stops: listeners resume elsewhere by Last-Event-ID. */
export function serveEvents(app: FastifyInstance, { bus, reader, metrics, settings }: HttpDeps): void {
  const open = new Set<Readable>();
  app.addHook("preClose", async () => {
    for (const stream of open) stream.push(null);
  });

  serve(app, "runEvents", async ({ params, request, reply }) => {
    const stream = await openEventStream({
      runId: params.id,
      afterSeq: lastSeq(request.headers["last-event-id"]),
      heartbeatMs: settings.heartbeatMs,
      bufferBytes: settings.eventBufferBytes,
      bus,
      reader,
    });
    if (stream === null) throw new ApiError("not_found", `there is no run ${params.id}`);
    // 204 tells an EventSource not to come back.
    if (stream === "nothing_left") return reply.code(204).send();
    if (reply.raw.destroyed) {
      stream.destroy();
      return reply;
    }
    open.add(stream);
    metrics.eventStreams(open.size);
    stream.once("close", () => {
      open.delete(stream);
      metrics.eventStreams(open.size);
    });
    // Proxies must neither gather the stream (nginx reads x-accel-buffering) nor change it.
    reply.header("cache-control", "no-store, no-transform").header("x-accel-buffering", "no");
    return reply.type("text/event-stream; charset=utf-8").send(stream);
  });
}
