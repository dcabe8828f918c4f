import { ATTACK } from "./words/attack.ts";
import { COMMON } from "./words/common.ts";
import { FILLER } from "./words/filler.ts";
import { APPEAL } from "./attacks/appeal.ts";
import { HIJACK } from "./attacks/hijack.ts";
import { LEAK } from "./attacks/leak.ts";
import { OVERRIDE } from "./attacks/override.ts";
import { PERSONA, PERSONA_NAMES } from "./attacks/persona.ts";
import { PRIMING } from "./attacks/priming.ts";
import { PRIVILEGE } from "./attacks/privilege.ts";
import { SUPPRESSION } from "./attacks/suppression.ts";
import { VIRTUALISATION } from "./attacks/virtualisation.ts";
import { CONSTRAINTS } from "./benign/constraints.ts";
import { CREATIVE } from "./benign/creative.ts";
import { EVERYDAY } from "./benign/everyday.ts";
import { MODES } from "./benign/modes.ts";
import { PROMPT_WORDS } from "./benign/prompt-words.ts";
import { ROLEPLAY } from "./benign/roleplay.ts";
import { SECURITY } from "./benign/security.ts";
import { TRIGGER_WORDS } from "./benign/trigger-words.ts";
import { compileGrammar } from "./grammar.ts";
import type { Bindings, Rules } from "./grammar.ts";
import type { Random } from "./random.ts";
import type { Speaker } from "./speaker.ts";

/** A speaker with its share among the speakers of its label. */
export type Voice = { share: number; speaker: Speaker };

function english(technique: string, share: number, rules: Rules, bind?: (random: Random) => Bindings): Voice {
  const layers = bind === undefined ? [COMMON, FILLER] : [COMMON, FILLER, ATTACK];
  const lists = { brief: "brief", core: "core", more: "more", fill: "fill" };
  const grammar = compileGrammar(...layers, rules);
  return { share, speaker: { technique, language: "en", grammar, lists, ...(bind === undefined ? {} : { bind }) } };
}

/** The English attack techniques that need no more than one message. */
export function attackVoices(): readonly Voice[] {
  return [
    english("override", 16, OVERRIDE, persona),
    english("prompt_leak", 18, LEAK, persona),
    english("persona", 16, PERSONA, persona),
    english("privilege", 9, PRIVILEGE, persona),
    english("refusal_suppression", 8, SUPPRESSION, persona),
    english("task_hijack", 12, HIJACK, persona),
    english("virtualisation", 9, VIRTUALISATION, persona),
    english("completion_priming", 6, PRIMING, persona),
    english("appeal", 6, APPEAL, persona),
  ];
}

/** The English families of harmless messages; all but the last two repeat the words of a technique in an honest sense. */
export function benignVoices(): readonly Voice[] {
  return [
    english("trigger_words", 14, TRIGGER_WORDS),
    english("prompt_words", 14, PROMPT_WORDS),
    english("roleplay", 15, ROLEPLAY),
    english("modes", 7, MODES),
    english("constraints", 13, CONSTRAINTS),
    english("creative", 10, CREATIVE),
    english("security", 10, SECURITY),
    english("everyday", 17, EVERYDAY),
  ];
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
