import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { LimitsRequest } from "@crucible/contract";
import { checkNetwork, type DockerSettings, ISOLATION_LEVELS, readDockerSettings } from "@crucible/sandbox";
import { z } from "zod";
import { GatewayConfigError, loadGatewayConfig, STUB_ONLY } from "./gateway/config/parse.ts";
import type { GatewayConfig } from "./gateway/config/types.ts";

const ROLES = ["api", "worker", "gateway"] as const;
export type Role = (typeof ROLES)[number];

const flag = z
  .enum(["0", "1", "false", "true", ""], { error: "must be 1 or 0" })
  .transform((text) => text === "1" || text === "true");
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be a whole number from ${least} to ${most}`);

const roles = z.string().transform((text, context): readonly Role[] => {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("all")) return ROLES;
  const unknown = names.find((name) => !(ROLES as readonly string[]).includes(name));
  if (unknown !== undefined)
    context.addIssue({ code: "custom", message: `must be all, or a comma list of ${ROLES.join(", ")}` });
  return ROLES.filter((role) => names.includes(role));
});

const limits = z.string().transform((text, context): z.infer<typeof LimitsRequest> => {
  try {
    return LimitsRequest.parse(JSON.parse(text));
  } catch {
    context.addIssue({
      code: "custom",
      message: 'must be a JSON object of limits, such as {"memoryBytes": 1073741824}',
    });
    return {};
  }
});

const networkAllow = z.string().transform((text, context): readonly string[] => {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  try {
    checkNetwork(entries, entries);
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: `must be a comma list of name:port, such as example.org:443 or *.example.org:443 (${(error as Error).message})`,
    });
  }
  return entries;
});

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, "must be a URL such as postgresql://user:password@host:5432/database");

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Every environment variable of the server. Docs: docs/reference/configuration.md. */
const Environment = z.object({
  CRUCIBLE_DATA_DIR: z.string().min(1).default(".crucible"),
  CRUCIBLE_HOST: z.string().min(1).default("127.0.0.1"),
  CRUCIBLE_PORT: whole(0, 65_535).default(4180),
  CRUCIBLE_API_KEY: z.string().min(16, "must have at least 16 characters").optional(),
  CRUCIBLE_ROLES: roles.default(ROLES),
  CRUCIBLE_ENGINE: z.string().min(1).optional(),
  CRUCIBLE_MIN_ISOLATION: z
    .enum(ISOLATION_LEVELS, { error: `must be one of ${ISOLATION_LEVELS.join(", ")}` })
    .optional(),
  CRUCIBLE_ALLOW_UNSAFE: flag.default(false),
  CRUCIBLE_FORK_PYTHON: flag.default(false),
  CRUCIBLE_OCI_ROOTFS: z.string().min(1).optional(),
  CRUCIBLE_POOL: whole(0, 62).default(0),
  CRUCIBLE_DOCKER_HOST: z.string().optional(),
  CRUCIBLE_DOCKER_RUNTIME: z.string().optional(),
  CRUCIBLE_DOCKER_IMAGES: z.string().optional(),
  CRUCIBLE_DOCKER_GPUS: z.string().optional(),
  CRUCIBLE_NETWORK_ALLOW: networkAllow.default([]),
  CRUCIBLE_CONCURRENCY: whole(1, 64).default(Math.min(64, availableParallelism())),
  CRUCIBLE_QUEUE_LIMIT: whole(1, 10_000_000).default(10_000),
  CRUCIBLE_BODY_LIMIT_BYTES: whole(1024, 1024 ** 3).default(16 * 1024 * 1024),
  CRUCIBLE_MAX_LIMITS: limits.default({}),
  CRUCIBLE_MAX_ATTEMPTS: whole(1, 100).default(3),
  CRUCIBLE_DRAIN_MS: whole(0, 3_600_000).default(10_000),
  CRUCIBLE_LEASE_MS: whole(500, 3_600_000).default(15_000),
  CRUCIBLE_POLL_MS: whole(10, 60_000).default(1_000),
  CRUCIBLE_ALLOWED_HOSTS: z.string().optional(),
  CRUCIBLE_GATEWAY_CONFIG: z.string().min(1).optional(),
  CRUCIBLE_GUARD_POLICY: z.string().min(1).optional(),
  CRUCIBLE_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` }).default("info"),
  CRUCIBLE_SCREENING_KEY: z.string().min(16, "must have at least 16 characters").optional(),
  CRUCIBLE_SCREENINGS_MAX_AGE_DAYS: whole(1, 3_650).default(30),
  CRUCIBLE_SCREENINGS_MAX_ROWS: whole(1, 100_000_000).default(100_000),
  DATABASE_URL: databaseUrl.optional(),
});

/** The settings of a server. Times in milliseconds, sizes in bytes, paths absolute. */
export interface Config {
  readonly dataDir: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly apiKey: string | undefined;
  readonly roles: readonly Role[];
  readonly engine: string | undefined;
  readonly minIsolation: (typeof ISOLATION_LEVELS)[number] | undefined;
  readonly allowUnsafe: boolean;
  /** Prepared sandboxes kept by each container engine at most. */
  readonly pool: number;
  /** Root file system or image layout of containers, absolute; undefined for the host's system directories. */
  readonly ociRootfs: string | undefined;
  /** The Docker daemon that may be used; undefined: none. */
  readonly docker: DockerSettings | undefined;
  /** Fork Python runs from a started interpreter instead of starting one for each. */
  readonly forkPython: boolean;
  /** What runs may reach at most: `name:port`, `*.name:port`; empty: nothing. */
  readonly networkAllow: readonly string[];
  /** Runs at once in this process. */
  readonly concurrency: number;
  /** Runs that may wait at most. */
  readonly queueLimit: number;
  readonly bodyLimitBytes: number;
  /** Above or below the built-in maxima of what a request may ask for. */
  readonly maxLimits: z.infer<typeof LimitsRequest>;
  /** Attempts that may end with a dead worker before the run is given up. */
  readonly maxAttempts: number;
  /** How long running work may go on after the signal to stop. */
  readonly drainMs: number;
  /** After this silence a worker is taken for dead. */
  readonly leaseMs: number;
  /** How often a worker looks for work that it was not told of. */
  readonly pollMs: number;
  /** Names that the Host header may carry besides localhost and addresses; undefined: as the bind address suggests. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Models behind the guard, keys read; the stub model alone where no file is named. */
  readonly gateway: GatewayConfig;
  /** The guard's policy as a file; undefined: the one that comes with it. */
  readonly guardPolicy: string | undefined;
  readonly logLevel: string;
  /** Of the hashes of screened texts; undefined: one that the data directory keeps. */
  readonly screeningKey: string | undefined;
  readonly screeningsRetention: { readonly maxAgeMs: number; readonly maxRows: number };
  /** PostgreSQL; without it the embedded database in `dataDir`. */
  readonly databaseUrl: string | undefined;
}

/** Environment variables that are wrong; the message has a line for each. */
export class ConfigError extends Error {
  readonly code = "invalid_config";
  constructor(lines: readonly string[]) {
    super(`the configuration is wrong:\n${lines.map((line) => `  ${line}`).join("\n")}`);
    this.name = "ConfigError";
  }
}

function dockerSettings(read: z.infer<typeof Environment>): DockerSettings | undefined {
  try {
    return readDockerSettings({
      host: read.CRUCIBLE_DOCKER_HOST,
      runtime: read.CRUCIBLE_DOCKER_RUNTIME,
      images: read.CRUCIBLE_DOCKER_IMAGES,
      gpus: read.CRUCIBLE_DOCKER_GPUS,
    });
  } catch (error) {
    throw new ConfigError([(error as Error).message]);
  }
}

/**
 * Reads the settings; the only place that knows the names of environment variables.
 * @throws ConfigError that names each wrong variable and what would be right.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  // An empty variable is what `NAME=` in a compose file gives: not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const result = Environment.safeParse(given);
  if (!result.success)
    throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`));
  const read = result.data;
  return {
    dataDir: resolve(read.CRUCIBLE_DATA_DIR),
    host: read.CRUCIBLE_HOST,
    port: read.CRUCIBLE_PORT,
    apiKey: read.CRUCIBLE_API_KEY,
    roles: read.CRUCIBLE_ROLES,
    engine: read.CRUCIBLE_ENGINE,
    minIsolation: read.CRUCIBLE_MIN_ISOLATION,
    allowUnsafe: read.CRUCIBLE_ALLOW_UNSAFE,
    forkPython: read.CRUCIBLE_FORK_PYTHON,
    pool: read.CRUCIBLE_POOL,
    ociRootfs: read.CRUCIBLE_OCI_ROOTFS === undefined ? undefined : resolve(read.CRUCIBLE_OCI_ROOTFS),
    docker: dockerSettings(read),
    networkAllow: read.CRUCIBLE_NETWORK_ALLOW,
    concurrency: read.CRUCIBLE_CONCURRENCY,
    queueLimit: read.CRUCIBLE_QUEUE_LIMIT,
    bodyLimitBytes: read.CRUCIBLE_BODY_LIMIT_BYTES,
    maxLimits: read.CRUCIBLE_MAX_LIMITS,
    maxAttempts: read.CRUCIBLE_MAX_ATTEMPTS,
    drainMs: read.CRUCIBLE_DRAIN_MS,
    leaseMs: read.CRUCIBLE_LEASE_MS,
    pollMs: read.CRUCIBLE_POLL_MS,
    allowedHosts: read.CRUCIBLE_ALLOWED_HOSTS?.split(",").map((name) => name.trim()),
    gateway: gatewayConfig(read.CRUCIBLE_GATEWAY_CONFIG, env),
    guardPolicy: read.CRUCIBLE_GUARD_POLICY === undefined ? undefined : resolve(read.CRUCIBLE_GUARD_POLICY),
    logLevel: read.CRUCIBLE_LOG_LEVEL,
    screeningKey: read.CRUCIBLE_SCREENING_KEY,
    screeningsRetention: {
      maxAgeMs: read.CRUCIBLE_SCREENINGS_MAX_AGE_DAYS * 86_400_000,
      maxRows: read.CRUCIBLE_SCREENINGS_MAX_ROWS,
    },
    databaseUrl: read.DATABASE_URL,
  };
}

function gatewayConfig(file: string | undefined, env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  if (file === undefined) return STUB_ONLY;
  try {
    return loadGatewayConfig(resolve(file), { env });
  } catch (error) {
    if (error instanceof GatewayConfigError) throw new ConfigError(error.lines);
    throw error;
  }
}
