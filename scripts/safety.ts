import { ROOT } from "./steps.ts";
import { lineOf, report, repositoryFiles, type RepositoryFile } from "./repository-files.ts";

/** Text that must not stand in the repository, but for the places that are allowed it. */
interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  /** Where the ban holds. */
  readonly files: RegExp;
  readonly except: RegExp;
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** Tests, benchmarks, examples and these tools run on the developer's side, not in the product. */
const TOOLS = /^(scripts|bench|examples|test)\/|\.test\.ts$|^(packages|apps)\/[^/]+\/(test|src\/testing)\//;
const PRODUCT = /^(packages|apps)\/.*\.(ts|tsx|mjs)$/;

/** What is banned, and where it is allowed. */
export const BANS: readonly Ban[] = [
  {
    what: "a process is started outside packages/sandbox/src/process (and doctor, which asks tools for versions)",
    pattern: /["'](?:node:)?child_process["']/g,
    files: PRODUCT,
    except: new RegExp(`${TOOLS.source}|^packages/sandbox/src/process/|^apps/cli/src/doctor/host\\.ts$`),
  },
  {
    what: "the environment is read outside a config.ts (server) or io.ts (CLI)",
    pattern: /\bprocess\.env\b|\bimport\b[^\n]*\benv\b[^\n]*["']node:process["']/g,
    files: PRODUCT,
    except: new RegExp(`${TOOLS.source}|^apps/server/src/config\\.ts$|^apps/cli/src/io\\.ts$`),
  },
  {
    what: "code is made from text",
    pattern: /\beval\(|\bnew Function\(|["'](?:node:)?vm["']/g,
    files: PRODUCT,
    // The guard's generator writes texts about code.
    except: new RegExp(`${TOOLS.source}|^packages/guard/src/generator/`),
  },
  {
    what: "a path of the machine it was written on",
    pattern: new RegExp(`${escape(ROOT)}/|/(?:Users|home)/(?!sandbox\\b)[a-z][\\w-]*/`, "g"),
    files: /./,
    except: /^scripts\/safety(\.test)?\.ts$/,
  },
  {
    what: "a package registry's host",
    pattern: /registry\.(?:npmjs|yarnpkg)\.\w+|\bjfrog\b|\bartifactory\b|"resolved": "https?:/gi,
    files: /./,
    except: /^scripts\/safety(\.test)?\.ts$/,
  },
  {
    what: "a merge left its marks",
    pattern: /^(?:<{7}|>{7}) /gm,
    files: /./,
    except: /^$/,
  },
];

/** Every banned text in these files, one line each. */
export function findings(files: readonly RepositoryFile[]): string[] {
  return files.flatMap((file) =>
    BANS.filter((ban) => ban.files.test(file.path) && !ban.except.test(file.path)).flatMap((ban) =>
      [...file.text.matchAll(ban.pattern)].map(
        (match) => `${file.path}:${lineOf(file.text, match.index)}: ${ban.what}`,
      ),
    ),
  );
}

if (import.meta.filename === process.argv[1]) {
  report("safety", findings(repositoryFiles((path) => !/\.(gz|png|ico|woff2)$/.test(path))));
}
