import { ERROR_CODES, ROUTES, RunEvent } from "@crucible/contract";
import {
  BEHAVIOUR_RULES,
  DEFAULT_COMPILE_LIMITS,
  DEFAULT_LIMITS,
  LIMIT_NAMES,
  MAX_LIMITS,
  MIN_LIMITS,
} from "@crucible/sandbox";
import { differenceFindings, linkFindings, rowNames, sections } from "./docs-rules.ts";
import { report, repositoryFiles } from "./repository-files.ts";

const files = repositoryFiles((path) => !/\.(gz|png|ico|woff2)$/.test(path));
const textOf = (path: string) => files.find((file) => file.path === path)?.text ?? "";

/** Environment variables that the product reads, by their names in its code. */
function variablesInCode(): Set<string> {
  const readers = /^apps\/(server|cli)\/src\/.*(?<!\.test)\.ts$|^scripts\/bootstrap\.sh$/;
  const named = files
    .filter((file) => readers.test(file.path))
    .flatMap((file) =>
      [...file.text.matchAll(/\b(?:CRUCIBLE_[A-Z0-9_]+|DATABASE_URL|HF_[A-Z]+)\b/g)].map((match) => match[0]),
    );
  return new Set(named);
}

function errorFindings(): string[] {
  const text = textOf("docs/reference/errors.md");
  const statuses = Object.entries(ERROR_CODES).flatMap(([code, { status }]) => {
    const section = text.split(`## ${code}\n`)[1]?.split("\n## ")[0];
    return section === undefined || section.includes(String(status))
      ? []
      : [`error ${code} is documented without its status ${status}`];
  });
  return [...differenceFindings("error", new Set(Object.keys(ERROR_CODES)), sections(text)), ...statuses];
}

/** docs/reference/limits.md holds the numbers of limits.ts, row by row. */
function limitFindings(): string[] {
  const text = textOf("docs/reference/limits.md");
  return LIMIT_NAMES.flatMap((name) => {
    const numbers = [DEFAULT_LIMITS, DEFAULT_COMPILE_LIMITS, MIN_LIMITS, MAX_LIMITS].map((limits) => limits[name]);
    const row = `| \`${name}\` | ${numbers.join(" | ")} |`;
    return text.includes(row) ? [] : [`docs/reference/limits.md lacks the row: ${row}`];
  });
}

/** Routes of the contract and metrics of the server: the rows of docs/reference/http.md. */
function httpFindings(): string[] {
  const routes = Object.values(ROUTES).map(({ method, path }) => `${method} ${path}`);
  const places = ["http", "gateway", "gateway/screenings"].map((folder) => `apps/server/src/${folder}/metrics.ts`);
  const sources = places.map(textOf).join("\n");
  const metrics = [...sources.matchAll(/name: "(crucible_\w+)"/g)].map((match) => match[1] ?? "");
  return differenceFindings(
    "route or metric",
    new Set([...routes, ...metrics]),
    rowNames(textOf("docs/reference/http.md")),
  );
}

/** Options of the CLI, but `--json`, which every command has. */
function optionFindings(): string[] {
  const commands = ["models", "sandbox", "selfcheck"].map((name) => `apps/cli/src/commands/${name}/register.ts`);
  const text = ["apps/cli/src/cli.ts", ...commands].map(textOf).join("\n");
  const code = [...text.matchAll(/(?:option|Option)\(\s*"(?:-\w, )?(--[^"]+)"/g)].map((match) => match[1] ?? "");
  const options = new Set(code.filter((option) => !option.startsWith("--json")));
  return differenceFindings("option", options, rowNames(textOf("docs/reference/cli.md")));
}

/** docs/reference/outcomes.md holds the rules of behaviour, row by row. */
function behaviourFindings(): string[] {
  const text = textOf("docs/reference/outcomes.md");
  return Object.entries(BEHAVIOUR_RULES).flatMap(([kind, { weight, means }]) => {
    const row = `| \`${kind}\` | ${weight} | ${means} |`;
    return text.includes(row) ? [] : [`docs/reference/outcomes.md lacks the row: ${row}`];
  });
}

function eventFindings(): string[] {
  const code = new Set(RunEvent.options.map((option) => option.shape.type.value));
  return differenceFindings("event", code, rowNames(textOf("docs/reference/events.md")));
}

report("docs", [
  ...linkFindings(files),
  ...errorFindings(),
  ...limitFindings(),
  ...httpFindings(),
  ...optionFindings(),
  ...eventFindings(),
  ...behaviourFindings(),
  ...differenceFindings("variable", variablesInCode(), rowNames(textOf("docs/reference/configuration.md"))),
]);
