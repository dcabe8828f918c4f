import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { ApiError, ERROR_CODES, TERMINAL_INPUT_BYTES, type ErrorCode } from "@crucible/contract";
import { createExecStream } from "../../sandboxes/exec-stream.ts";
import { createTerminalStream } from "../../sandboxes/terminal-stream.ts";
import type { OpenTerminal, Sandboxes } from "../../sandboxes/types.ts";
import type { HttpDeps } from "../deps.ts";
import { goneSignal } from "../gone.ts";
import { serve } from "../serve.ts";

/** Sandboxes that stay: open, run programs in them, move files, close. */
export function serveSandboxes(app: FastifyInstance, { sandboxes, settings }: HttpDeps): void {
  // In a scope of its own: bytes are taken here and nowhere else.
  app.register((scope, _options, done) => {
    for (const type of ["application/octet-stream", "application/x-tar"])
      scope.addContentTypeParser(type, { parseAs: "buffer" }, (_request, bytes, parsed) => parsed(null, bytes));
    serveFiles(scope, sandboxes);
    serveTerminalInput(scope, sandboxes);
    done();
  });
  serveTerminals(app, sandboxes, settings.heartbeatMs);

  serve(app, "createSandbox", async ({ body, reply }) => {
    const sandbox = await sandboxes.create(body);
    reply.header("location", `/api/v1/sandboxes/${sandbox.id}`);
    return sandbox;
  });
  serve(app, "listSandboxes", async ({ query }) => sandboxes.list(query));
  serve(app, "getSandbox", async ({ params }) => sandboxes.get(params.id));
  serve(app, "deleteSandbox", async ({ params }) => sandboxes.remove(params.id));

  serve(app, "execInSandbox", async ({ params, query, body, reply }) => {
    const signal = goneSignal(reply);
    if (!query.stream) return sandboxes.exec(params.id, body, { signal });
    // What is wrong with the request must be an ordinary error: the stream opens when there is a sandbox.
    await sandboxes.expectOpen(params.id);
    const { stream, output, end } = createExecStream();
    void sandboxes.exec(params.id, body, { signal, onOutput: output }).then(
      (result) => end("result", result),
      (error: unknown) => end("error", toWords(error)),
    );
    return sendStream(reply, stream);
  });

  serve(app, "listSandboxDirectory", async ({ params, query }) => sandboxes.listDirectory(params.id, query.path));
}

/** Proxies must neither gather a stream (nginx reads x-accel-buffering) nor change it. */
function sendStream(reply: FastifyReply, stream: Readable): FastifyReply {
  reply.header("cache-control", "no-store, no-transform").header("x-accel-buffering", "no");
  return reply.type("text/event-stream; charset=utf-8").send(stream);
}

/** An error that comes after the head of its answer; what is not known to be harmless stays here. */
function toWords(error: unknown): { code: ErrorCode; message: string; status: number } {
  const { code, message } = error instanceof ApiError ? error : new ApiError("internal", "a fault of this server");
  return { code, message, status: ERROR_CODES[code].status };
}

/** A terminal lives as long as the connection that shows it, and ends when the server closes. */
function serveTerminals(app: FastifyInstance, sandboxes: Sandboxes, heartbeatMs: number): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());

  serve(app, "openTerminal", async ({ params, body, reply }) => {
    if (closing.signal.aborted) throw new ApiError("shutting_down", "the server is stopping");
    let terminal: OpenTerminal | undefined;
    const { stream, opened, output, end } = createTerminalStream({
      heartbeatMs,
      onTaken: (bytes) => terminal?.taken(bytes),
    });
    const signal = AbortSignal.any([goneSignal(reply), closing.signal]);
    try {
      terminal = await sandboxes.openTerminal(params.id, body, { signal, onOutput: output });
    } catch (error) {
      stream.destroy();
      throw error;
    }
    opened(terminal.id);
    void terminal.ended.then(
      ({ status, exitCode, signal: by }) => end({ type: "result", status, exitCode, signal: by }),
      (error: unknown) => end({ type: "error", ...toWords(error) }),
    );
    return sendStream(reply, stream);
  });
  serve(app, "resizeTerminal", async ({ params, body }) => {
    await sandboxes.resizeTerminal(params.id, params.terminal, body);
    return body;
  });
}

function serveTerminalInput(scope: FastifyInstance, sandboxes: Sandboxes): void {
  serve(
    scope,
    "writeToTerminal",
    async ({ params, request }) => {
      const bytes = bytesOf(request.body, "application/octet-stream");
      await sandboxes.writeToTerminal(params.id, params.terminal, bytes);
      return { sizeBytes: bytes.length };
    },
    { bodyLimit: TERMINAL_INPUT_BYTES },
  );
}

function bytesOf(body: unknown, type: string): Uint8Array {
  if (body instanceof Uint8Array) return body;
  throw new ApiError("unsupported_media_type", `send the bytes as ${type}`);
}

function serveFiles(scope: FastifyInstance, sandboxes: Sandboxes): void {
  serve(scope, "putSandboxFile", async ({ params, query, request }) => {
    const bytes = bytesOf(request.body, "application/octet-stream");
    await sandboxes.writeFile(params.id, query.path, bytes);
    return { path: query.path, sizeBytes: bytes.length };
  });
  serve(scope, "getSandboxFile", async ({ params, query, reply }) => {
    const bytes = await sandboxes.readFile(params.id, query.path);
    return reply.type("application/octet-stream").header("content-disposition", "attachment").send(bytes);
  });
  serve(scope, "getSandboxArchive", async ({ params, query, reply }) => {
    const archive = await sandboxes.readArchive(params.id, query.path);
    return reply.type("application/x-tar").header("content-disposition", "attachment").send(archive);
  });
  serve(scope, "putSandboxArchive", async ({ params, query, request }) => {
    const archive = bytesOf(request.body, "application/x-tar");
    await sandboxes.writeArchive(params.id, query.path, archive);
    return { path: query.path, sizeBytes: archive.length };
  });
}
