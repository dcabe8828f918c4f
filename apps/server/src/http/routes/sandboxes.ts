import type { FastifyInstance } from "fastify";
import { ApiError, ERROR_CODES } from "@crucible/contract";
import { createExecStream } from "../../sandboxes/exec-stream.ts";
import type { HttpDeps } from "../deps.ts";
import { goneSignal } from "../gone.ts";
import { serve } from "../serve.ts";

/** Sandboxes that stay: open, run programs in them, move files, close. */
export function serveSandboxes(app: FastifyInstance, deps: HttpDeps): void {
  const sandboxes = (): NonNullable<HttpDeps["sandboxes"]> => {
    if (deps.sandboxes !== null) return deps.sandboxes;
    throw new ApiError("engine_unavailable", "sandboxes live where runs do: give this process the role `worker`");
  };
  // In a scope of its own: bytes are taken here and nowhere else.
  app.register((scope, _options, done) => {
    for (const type of ["application/octet-stream", "application/x-tar"])
      scope.addContentTypeParser(type, { parseAs: "buffer" }, (_request, bytes, parsed) => parsed(null, bytes));
    serveFiles(scope, sandboxes);
    done();
  });

  serve(app, "createSandbox", async ({ body, reply }) => {
    const sandbox = await sandboxes().create(body);
    reply.header("location", `/api/v1/sandboxes/${sandbox.id}`);
    return sandbox;
  });
  serve(app, "listSandboxes", async () => ({ sandboxes: deps.sandboxes?.list() ?? [] }));
  serve(app, "getSandbox", async ({ params }) => sandboxes().get(params.id));
  serve(app, "deleteSandbox", async ({ params }) => sandboxes().remove(params.id));

  serve(app, "execInSandbox", async ({ params, query, body, reply }) => {
    const signal = goneSignal(reply);
    if (!query.stream) return sandboxes().exec(params.id, body, { signal });
    // What is wrong with the request must be an ordinary error: the stream opens when there is a sandbox.
    sandboxes().get(params.id);
    const { stream, output, end } = createExecStream();
    void sandboxes()
      .exec(params.id, body, { signal, onOutput: output })
      .then(
        (result) => end("result", result),
        (error: unknown) => {
          const { code, message } =
            error instanceof ApiError ? error : new ApiError("internal", "a fault of this server");
          end("error", { code, message, status: ERROR_CODES[code].status });
        },
      );
    reply.header("cache-control", "no-store, no-transform").header("x-accel-buffering", "no");
    return reply.type("text/event-stream; charset=utf-8").send(stream);
  });

  serve(app, "listSandboxDirectory", async ({ params, query }) => sandboxes().listDirectory(params.id, query.path));
}

function serveFiles(scope: FastifyInstance, sandboxes: () => NonNullable<HttpDeps["sandboxes"]>): void {
  const bytesOf = (body: unknown, type: string): Uint8Array => {
    if (body instanceof Uint8Array) return body;
    throw new ApiError("unsupported_media_type", `send the bytes as ${type}`);
  };
  serve(scope, "putSandboxFile", async ({ params, query, request }) => {
    const bytes = bytesOf(request.body, "application/octet-stream");
    await sandboxes().writeFile(params.id, query.path, bytes);
    return { path: query.path, sizeBytes: bytes.length };
  });
  serve(scope, "getSandboxFile", async ({ params, query, reply }) => {
    const bytes = await sandboxes().readFile(params.id, query.path);
    return reply.type("application/octet-stream").header("content-disposition", "attachment").send(bytes);
  });
  serve(scope, "getSandboxArchive", async ({ params, query, reply }) => {
    const archive = await sandboxes().readArchive(params.id, query.path);
    return reply.type("application/x-tar").header("content-disposition", "attachment").send(archive);
  });
  serve(scope, "putSandboxArchive", async ({ params, query, request }) => {
    const archive = bytesOf(request.body, "application/x-tar");
    await sandboxes().writeArchive(params.id, query.path, archive);
    return { path: query.path, sizeBytes: archive.length };
  });
}
