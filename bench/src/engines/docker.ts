import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { readDockerSettings, type DockerSettings } from "@crucible/sandbox";
import { IMAGE, missingForDocker, startDockerd } from "../../../packages/sandbox/test/fixtures/docker/daemon.ts";
import { check, CODE, type Contender } from "../contenders.ts";

/** A daemon to measure with; `reason` says why there is none. */
export interface DockerHost extends AsyncDisposable {
  readonly settings: DockerSettings | undefined;
  readonly reason: string | null;
}

/** The daemon of `CRUCIBLE_DOCKER_HOST`, else one of our own in a temporary directory. */
export async function dockerHost(env: NodeJS.ProcessEnv): Promise<DockerHost> {
  const settings = readDockerSettings({
    host: env["CRUCIBLE_DOCKER_HOST"],
    runtime: env["CRUCIBLE_DOCKER_RUNTIME"],
    images: env["CRUCIBLE_DOCKER_IMAGES"],
    gpus: env["CRUCIBLE_DOCKER_GPUS"],
  });
  const none = { [Symbol.asyncDispose]: () => Promise.resolve() };
  if (settings !== undefined) return { settings, reason: null, ...none };
  const reason = missingForDocker();
  if (reason !== null) return { settings: undefined, reason, ...none };
  const daemon = await startDockerd();
  return {
    settings: { host: daemon.host, images: { "*": IMAGE } },
    reason: null,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

/** What a user would type instead: the client's program, the daemon, and none of our limits. */
export function dockerRun({ host, images, runtime }: DockerSettings): Contender | null {
  const image = images["python"] ?? images["*"];
  if (image === undefined) return null;
  const args = ["--host", host, "run", "--rm", "--network", "none", ...(runtime ? ["--runtime", runtime] : []), image];
  return {
    name: "docker run",
    run: async () => {
      const { stdout } = await promisify(execFile)("docker", [...args, "python3", "-c", CODE]);
      check("docker run", stdout);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
