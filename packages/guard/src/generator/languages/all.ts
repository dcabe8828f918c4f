import type { LanguageRules } from "../voices.ts";

/** The languages besides English, by ISO 639-1 code. */
export const LANGUAGE_RULES: Readonly<Record<string, LanguageRules>> = {};
