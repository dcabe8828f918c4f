import type { FastifyReply } from "fastify";

/** Proxies must neither gather a stream (nginx reads x-accel-buffering) nor change it. */
export const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
} as const;

/** Sends JSON that is written already. */
export function sendJson(reply: FastifyReply, json: string): void {
  void reply.header("content-type", "application/json; charset=utf-8").send(json);
}
