import { speak } from "../speaker.ts";
import { KIND_NAMES, WRAPPERS } from "../wrappers.ts";
import type { WrapperKind } from "../wrappers.ts";
import { neutral, sentencesFor } from "./shape.ts";
import type { Context, Shaped } from "./shape.ts";

/** A document with a note in it; half of the time somebody asks something about the document. */
export function documentText(context: Context, kind: WrapperKind): Shaped {
  const { random, plan, label, words, cast } = context;
  const speaker = cast.note(random, label, plan.language);
  const asked = random.chance(0.5) ? words.expand(random, "ask", { KIND: random.pick(KIND_NAMES[kind]) }) : "";
  const noteLength = Math.min(plan.target * (0.25 + random.next() * 0.45), 60 + random.next() * 350);
  const note = speak(random, speaker, { ...plan.style, breaks: "one-line", quirk: "none" }, noteLength);
  const room = plan.target - note.length - asked.length;
  const text = WRAPPERS[kind]({
    random,
    words,
    note,
    sentence: () => neutral(context, speaker, 1)[0] ?? "",
    sentences: Math.max(1, Math.min(60, sentencesFor(room * 0.8, plan.language))),
  });
  const whole = asked === "" ? text : random.chance(0.85) ? `${asked}\n\n${text}` : `${text}\n\n${asked}`;
  return {
    text: whole,
    technique: label === 1 ? "indirect_injection" : "document",
    language: speaker.language,
    wrapper: kind,
    obfuscation: "none",
  };
}
