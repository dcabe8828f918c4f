const text = "🇩🇪 family 👩‍👩‍👧 na\u0308ive";
const segments = [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)];
console.log(text.length, [...text].length, segments.length);
console.log(text.normalize("NFC").toUpperCase());
