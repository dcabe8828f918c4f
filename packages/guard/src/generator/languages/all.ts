import type { LanguageRules } from "../voices.ts";
import { AR } from "./ar.ts";
import { DE } from "./de.ts";
import { ES } from "./es.ts";
import { FR } from "./fr.ts";
import { HI } from "./hi.ts";
import { IT } from "./it.ts";
import { JA } from "./ja.ts";
import { KO } from "./ko.ts";
import { NL } from "./nl.ts";
import { PL } from "./pl.ts";
import { PT } from "./pt.ts";
import { RU } from "./ru.ts";
import { TR } from "./tr.ts";
import { UK } from "./uk.ts";
import { ZH } from "./zh.ts";

/** The languages besides English, by ISO 639-1 code. */
export const LANGUAGE_RULES: Readonly<Record<string, LanguageRules>> = {
  ar: AR,
  de: DE,
  es: ES,
  fr: FR,
  hi: HI,
  it: IT,
  ja: JA,
  ko: KO,
  nl: NL,
  pl: PL,
  pt: PT,
  ru: RU,
  tr: TR,
  uk: UK,
  zh: ZH,
};
