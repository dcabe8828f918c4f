import { ApiError, type Model, ROUTES } from "@crucible/contract";
import type { FastifyInstance } from "fastify";
import { exchange } from "./exchange.ts";
import { readJson } from "./request/read-json.ts";
import { SURFACES } from "./request/surface.ts";
import type { Gateway } from "./types.ts";

/** When a model was made is not known here; the API wants a number. Seconds. */
const CREATED = 0;

/** Registers `/v1`. Key, request id, errors and metrics of requests are the app's. */
export function serveGateway(app: FastifyInstance, gateway: Gateway): void {
  void app.register(async (v1) => {
    // Read once, here: what the guard sees is what is sent on.
    v1.removeContentTypeParser("application/json");
    v1.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, bytes: Buffer) =>
      bytes.length === 0 ? undefined : readJson(bytes),
    );
    for (const surface of SURFACES) {
      v1.route({
        method: "POST",
        url: `/v1${surface.path}`,
        handler: (request, reply) => {
          // A reply counts as a promise of its end: one that is returned is waited for, which costs and gives nothing.
          exchange(gateway, surface, request, reply).catch((error: unknown) => reply.send(error));
        },
      });
    }
    const { models } = gateway;
    const modelOf = (id: string, upstream: string): Model => ({
      id,
      object: "model",
      created: CREATED,
      owned_by: upstream,
    });
    v1.get(ROUTES.listModels.path, async () => ({
      object: "list" as const,
      data: models.named.map(({ id, upstream }) => modelOf(id, upstream)),
    }));
    v1.get<{ Params: { "*": string } }>("/v1/models/*", async ({ params }) => {
      const id = params["*"];
      const target = models.find(id);
      if (target === null)
        throw new ApiError("model_not_found", "no model of this name is served here", { field: "model" });
      return modelOf(id, target.upstream);
    });
  });
}
