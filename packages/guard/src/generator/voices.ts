import { APPEAL } from "./attacks/appeal.ts";
import { CODE_SMUGGLING } from "./attacks/code-smuggling.ts";
import { HIJACK } from "./attacks/hijack.ts";
import { ESCALATION, INDIRECT } from "./attacks/indirect.ts";
import { LEAK } from "./attacks/leak.ts";
import { OVERRIDE } from "./attacks/override.ts";
import { PERSONA, PERSONA_NAMES } from "./attacks/persona.ts";
import { PERSONA_LONG } from "./attacks/persona-long.ts";
import { PRIMING } from "./attacks/priming.ts";
import { PRIVILEGE } from "./attacks/privilege.ts";
import { SUPPRESSION } from "./attacks/suppression.ts";
import { VIRTUALISATION } from "./attacks/virtualisation.ts";
import { AI_TALK } from "./benign/ai-talk.ts";
import { ALARMING } from "./benign/alarming.ts";
import { CODING } from "./benign/coding.ts";
import { CONSTRAINTS } from "./benign/constraints.ts";
import { CREATIVE } from "./benign/creative.ts";
import { EVERYDAY } from "./benign/everyday.ts";
import { EXERCISES } from "./benign/exercises.ts";
import { MODES } from "./benign/modes.ts";
import { FOLLOW_UP, NOTES, SYSTEM_TEXT } from "./benign/notes.ts";
import { OPINION } from "./benign/opinion.ts";
import { PROMPT_WORDS } from "./benign/prompt-words.ts";
import { ROLEPLAY } from "./benign/roleplay.ts";
import { SECURITY } from "./benign/security.ts";
import { TRIGGER_WORDS } from "./benign/trigger-words.ts";
import { compileGrammar } from "./grammar.ts";
import type { Bindings, Rules } from "./grammar.ts";
import { LANGUAGE_RULES } from "./languages/all.ts";
import type { Random } from "./random.ts";
import type { Cast } from "./shapes/shape.ts";
import type { Speaker } from "./speaker.ts";
import { ATTACK } from "./words/attack.ts";
import { COMMON } from "./words/common.ts";
import { FILLER } from "./words/filler.ts";

type Voice = { share: number; speaker: Speaker };
/** Voices of one label in one language, by where they speak. */
type Voices = Record<keyof Cast, readonly Voice[]>;

/** Compiles all grammars and says who speaks where. Takes some 30 ms, so make it once per run. */
export function createCast(): Cast {
  const byLanguage = new Map<string, readonly [Voices, Voices]>([["en", [englishBenign(), englishAttacks()]]]);
  for (const [language, rules] of Object.entries(LANGUAGE_RULES))
    byLanguage.set(language, otherLanguage(language, rules));
  function speakerFor(place: keyof Cast): Cast[keyof Cast] {
    return (random, label, language) => {
      const voices = byLanguage.get(language)?.[label][place];
      if (voices === undefined) throw new Error(`no voices for the language "${language}"`);
      return draw(random, voices);
    };
  }
  return {
    direct: speakerFor("direct"),
    note: speakerFor("note"),
    turn: speakerFor("turn"),
    operator: speakerFor("operator"),
  };
}

function englishAttacks(): Voices {
  const direct = [
    english("override", 20, OVERRIDE, persona),
    english("prompt_leak", 24, LEAK, persona),
    english("persona", 12, PERSONA, persona),
    english("persona", 12, PERSONA_LONG, persona),
    english("privilege", 9, PRIVILEGE, persona),
    english("refusal_suppression", 8, SUPPRESSION, persona),
    english("task_hijack", 12, HIJACK, persona),
    english("virtualisation", 9, VIRTUALISATION, persona),
    english("completion_priming", 6, PRIMING, persona),
    english("appeal", 6, APPEAL, persona),
    english("code_smuggling", 4, CODE_SMUGGLING, persona),
  ];
  return {
    direct,
    note: [english("indirect_injection", 250, INDIRECT, persona), ...direct],
    turn: [english("multi_turn", 100, ESCALATION, persona), ...direct],
    operator: direct,
  };
}

// All families but the last six repeat the words of an attack technique in an honest sense.
function englishBenign(): Voices {
  const direct = [
    english("trigger_words", 10, TRIGGER_WORDS),
    english("prompt_words", 10, PROMPT_WORDS),
    english("roleplay", 15, ROLEPLAY),
    english("modes", 7, MODES),
    english("constraints", 13, CONSTRAINTS),
    english("creative", 10, CREATIVE),
    english("security", 10, SECURITY),
    english("everyday", 14, EVERYDAY),
    english("coding", 14, CODING),
    english("opinion", 12, OPINION),
    english("ai_talk", 9, AI_TALK),
    english("exercises", 13, EXERCISES),
    english("alarming_words", 8, ALARMING),
  ];
  return {
    direct,
    note: [english("document", 250, NOTES), ...direct],
    turn: [english("conversation", 100, FOLLOW_UP), ...direct],
    operator: [english("operator_prompt", 250, SYSTEM_TEXT), ...direct],
  };
}

function english(technique: string, share: number, rules: Rules, bind?: (random: Random) => Bindings): Voice {
  const layers = bind === undefined ? [COMMON, FILLER] : [COMMON, FILLER, ATTACK];
  const lists = { brief: "brief", core: "core", more: "more", fill: "fill" };
  const grammar = compileGrammar(...layers, rules);
  return { share, speaker: { technique, language: "en", grammar, lists, ...(bind === undefined ? {} : { bind }) } };
}

/** The texts of a language other than English. Each list of `attack` and `benign` is a technique or a family. */
export type LanguageRules = {
  /** Lists for use in the templates. */
  words: Rules;
  attack: Rules;
  attackMore: readonly string[];
  benign: Rules;
  benignMore: readonly string[];
  /** Neutral sentences. */
  fill: readonly string[];
};

const NOTE_SHARE = 40;

function otherLanguage(language: string, rules: LanguageRules): readonly [Voices, Voices] {
  const grammar = compileGrammar(LATIN_NAMES, rules.words, rules.attack, rules.benign, {
    attackMore: rules.attackMore,
    benignMore: rules.benignMore,
    fill: rules.fill,
  });
  function voices(lists: Rules, more: string): Voices {
    const all = Object.entries(lists).map(([technique, templates]): Voice => ({
      share: technique === "indirect_injection" || technique === "document" ? NOTE_SHARE : 4 + templates.length,
      speaker: {
        technique,
        language,
        grammar,
        lists: { brief: technique, core: technique, more, fill: "fill" },
        bind: persona,
      },
    }));
    const direct = all.filter(({ share }) => share !== NOTE_SHARE);
    return { direct, note: all, turn: direct, operator: direct };
  }
  return [voices(rules.benign, "benignMore"), voices(rules.attack, "attackMore")];
}

const LATIN_NAMES = {
  person: COMMON.person,
  surname: COMMON.surname,
  number: COMMON.number,
  place: COMMON.place,
} as const satisfies Rules;

function draw(random: Random, voices: readonly Voice[]): Speaker {
  const shares = Object.fromEntries(voices.map(({ share }, at) => [String(at), share]));
  const voice = voices[Number(random.weighted(shares))];
  if (voice === undefined) throw new Error("no voice to draw from");
  return voice.speaker;
}

// The invented character of a text: an acronym with its meaning, or a made-up name.
function persona(random: Random): Bindings {
  if (random.chance(0.4)) {
    const [name = "DAN", meaning = "Do Anything Now"] = random.pick(PERSONA_NAMES.acronyms);
    return { P: name, EXP: meaning, X: "topic" };
  }
  const made = random.pick(PERSONA_NAMES.prefix) + random.pick(PERSONA_NAMES.suffix);
  const name = random.chance(0.5) ? made : random.pick(PERSONA_NAMES.single);
  return {
    P: name,
    EXP: random.pick(["says it all", "no master", "a mind without walls", "the free one"]),
    X: "topic",
  };
}
