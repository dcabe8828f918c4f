import type { LanguageInfo, Limits } from "../types.ts";

/** What a language's command lines are made from. All paths are those inside the sandbox. */
export interface CommandContext {
  /** The program file to start, relative to the working directory. */
  readonly entry: string;
  /** All program files, relative to the working directory. */
  readonly files: readonly string[];
  /** An empty directory for what the compiler makes. */
  readonly buildDir: string;
  readonly limits: Limits;
  /** Absolute path of each tool that the language needs. */
  readonly tool: (name: string) => string;
}

/** One row of the language table. */
export interface Language {
  readonly name: string;
  readonly aliases: readonly string[];
  /** With the dot; the first is the usual one. */
  readonly extensions: readonly string[];
  /** File name for a program given as one text. */
  readonly defaultFile: string;
  /** The name that this text must have instead, where the language ties a file's name to what it declares. */
  readonly fileFor?: (source: string) => string | null;
  /** Tool name to candidate names on the search path; `node` is this process's own. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
  /** Prints the version of the first tool. */
  readonly versionArgs: readonly string[];
  readonly versionPattern: RegExp;
  /** Debian package that brings it. */
  readonly debianPackage: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Memory that the runtime maps and never touches; only counts where rlimits alone hold memory. Default 0. */
  readonly dataSlackBytes?: number;
  /** Absent for languages that run from source. */
  readonly compile?: (context: CommandContext) => string[];
  readonly run: (context: CommandContext) => string[];
}

/** A language whose tools were found on this host. */
export interface InstalledLanguage extends LanguageInfo {
  readonly definition: Language;
  readonly defaultFile: string;
  readonly toolPaths: Readonly<Record<string, string>>;
}
