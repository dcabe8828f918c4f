import type { FastifyInstance, FastifyReply } from "fastify";
import { ApiError, openApiDocument } from "@crucible/contract";
import { stringify } from "yaml";
import type { KeyReader } from "../../store/types.ts";
import { docsPage } from "../docs-page.ts";
import { sendPage } from "../html.ts";
import { loginPage } from "../login-page.ts";
import { serve } from "../serve.ts";
import { sessionCookie } from "../sessions.ts";
import type { Sessions } from "../sessions.ts";

/** A key is short: what is longer than this is no login. Bytes. */
const LOGIN_BODY_LIMIT = 4096;

/** Makes a value at the first call, and keeps it. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The description of the API in its forms. Each is made at the first request for it, and once. */
export function serveReference(app: FastifyInstance, version: string): void {
  const document = once(() => openApiDocument(version));
  const json = once(() => JSON.stringify(document(), null, 2));
  const yaml = once(() => stringify(document(), { aliasDuplicateObjects: false }));
  const docs = once(() => docsPage(document()));
  const sendJson = async ({ reply }: { reply: FastifyReply }): Promise<FastifyReply> =>
    reply.type("application/json; charset=utf-8").send(json());
  serve(app, "openapiJson", sendJson);
  serve(app, "spec", sendJson);
  serve(app, "openapiYaml", async ({ reply }) => reply.type("application/yaml; charset=utf-8").send(yaml()));
  serve(app, "docs", async ({ reply }) => sendPage(reply, docs()));
}

/** The login page, and the trade of a key for a session that reads. */
export function serveLogin(app: FastifyInstance, keys: KeyReader, sessions: Sessions, lifeMs: number): void {
  const login = loginPage();
  serve(app, "loginPage", async ({ reply }) => sendPage(reply, login));
  serve(
    app,
    "login",
    async ({ body, request, reply }) => {
      if ((await keys.verify(body.key)) === null)
        throw new ApiError("unauthorized", "this server does not know that key", { field: "key" });
      const { id, expiresAt } = sessions.start(body.key);
      // Believed though anybody can send it: it can only make the cookie stricter.
      const secure = request.protocol === "https" || request.headers["x-forwarded-proto"] === "https";
      reply.header("set-cookie", sessionCookie(id, lifeMs, secure));
      return { expiresAt: expiresAt.toISOString() };
    },
    { bodyLimit: LOGIN_BODY_LIMIT },
  );
}
