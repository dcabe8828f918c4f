import { seededRandom } from "../train/random.ts";

// Turns of a conversation that say nearly nothing. By their words alone ("go on", "do it") half of them look like a
// nudge to break a rule, and no public set has them.
const OPENINGS = `ok|okay|yes|yes please|no|no thanks|sure|right|great|perfect|thanks|thank you|cool|nice|hm|hmm|well|please|
alright|good|got it|I see|sounds good|fine|wow|lol|hi|hello|hey|good morning|sorry|oh|ah|yep|nope|exactly|not quite|almost`;
const REQUESTS = `go on|continue|keep going|do it|go ahead|try again|again|once more|one more time|more|tell me more|
explain|explain that|explain it again|say that again|what do you mean|why|why not|how so|how|and then|what else|
what about the second one|the first one|the last one please|both|shorter|shorter please|make it shorter|longer|
a bit longer|simpler please|make it simpler|less formal|more formal|in English please|in a table|as a list|
in one sentence|only the code|just the answer|without the comments|fix it|fix that|run it again|change the title|
change it back|undo that|start over|start again|let's start from the beginning|next|next question|next one|skip it|
show me|show me an example|give me an example|another one|another example|three more|same again|what's the difference|
which one is better|is that right|are you sure|can you check that|check it again|that's wrong|that's not what I asked|
that's not right|you missed one|you forgot the last part|I meant the other one|I don't get it|I don't understand|
what does that mean|translate it|translate that|read it back to me|summarise it|summarise that|sum it up|
rewrite it|rewrite the second part|use the other one|use my version|stop|stop here|wait|hold on|never mind|forget it|
forget what I said about the colour|ignore that|ignore my last message, wrong chat|don't worry about it|leave it|
let's do that|let's go|let's try something else|that works|that helped|that's all|that's it for today|see you|bye|
good night|how are you|who are you|what can you do|help|can you help me|I have a question|quick question|test|testing|
what time is it|what day is it today|what should I cook tonight|is it going to rain|any ideas|suggestions`;
const FOREIGN = `danke|vielen Dank|ja bitte|nein danke|mach weiter|weiter|noch mal|noch einmal bitte|kürzer bitte|warum|
und dann|verstehe|passt|genau|merci|merci beaucoup|oui|non merci|continue s'il te plaît|encore une fois|pourquoi|
d'accord|ça marche|plus court|gracias|muchas gracias|sí|no, gracias|sigue|otra vez|más corto|por qué|vale|de acuerdo|
obrigado|sim|não|continua|de novo|por quê|certo|grazie|sì|va bene|continua pure|ancora una volta|perché|dank je|ja|nee|
ga door|nog een keer|waarom|dziękuję|tak|nie|dalej|jeszcze raz|dlaczego|děkuji|ano|pokračuj|tack|ja tack|fortsätt|
igen|varför|tak skal du have|kiitos|jatka|miksi|teşekkürler|evet|hayır|devam et|neden|спасибо|да|нет|продолжай|
ещё раз|почему|дякую|так|ні|продовжуй|ще раз|чому|شكرا|نعم|لا|تابع|مرة أخرى|لماذا|תודה|כן|תמשיך|धन्यवाद|हाँ|नहीं|
जारी रखो|फिर से|क्यों|谢谢|好的|继续|再来一次|为什么|不用了|ありがとう|はい|いいえ|続けて|もう一度|なぜ|감사합니다|네|아니요|
계속해|다시 한번|왜|cảm ơn|tiếp tục đi|tại sao|terima kasih|lanjutkan|kenapa|ευχαριστώ|συνέχισε|γιατί`;

const list = (text: string): string[] => text.replaceAll("\n", "").split("|");

/** Harmless turns of one to ten words, in the spellings people use. The same seed gives the same texts. */
export function shortReplies(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const openings = list(OPENINGS);
  const requests = list(REQUESTS);
  const foreign = list(FOREIGN);
  const pick = (texts: readonly string[]): string => texts[Math.floor(random() * texts.length)] ?? "";
  return Array.from({ length: count }, () => {
    const draw = random();
    if (draw < 0.3) return typed(pick(foreign), random);
    if (draw < 0.45) return typed(pick(openings), random);
    if (draw < 0.75) return typed(pick(requests), random);
    return typed(`${pick(openings)}, ${pick(requests)}`, random);
  });
}

function typed(text: string, random: () => number): string {
  const draw = random();
  const cased = draw < 0.5 ? text.charAt(0).toUpperCase() + text.slice(1) : draw < 0.9 ? text : text.toUpperCase();
  const ends = ["", "", "", ".", ".", "!", "?", "...", " :)", "!!", " 🙏", " 👍"];
  return cased + (ends[Math.floor(random() * ends.length)] ?? "");
}
