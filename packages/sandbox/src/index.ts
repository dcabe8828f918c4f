export { createBubblewrapEngine } from "./bubblewrap/engine.ts";
export type { BubblewrapOptions } from "./bubblewrap/engine.ts";
export * from "./errors.ts";
export { detectLanguages } from "./languages/detect.ts";
export { findLanguage, LANGUAGES } from "./languages/table.ts";
export type { CommandContext, InstalledLanguage, Language } from "./languages/types.ts";
export * from "./limits.ts";
export * from "./types.ts";
