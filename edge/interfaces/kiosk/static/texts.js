/** @import { Language } from "./types.js" */

/** @type {Record<Language, Record<string, string>>} */
const texts = { ko: {}, en: {} };

/** Fetch all sentences from the station. */
export async function loadTexts() {
  await Promise.all(
    /** @type {Language[]} */ (["ko", "en"]).map(async (language) => {
      const answer = await fetch(`/texts/${language}.json`);
      /** @type {unknown} */
      const sentences = await answer.json();
      texts[language] = /** @type {Record<string, string>} */ (sentences);
    }),
  );
}

/**
 * Give a sentence of the page with its placeholders filled.
 *
 * @param {Language} language
 * @param {string} key
 * @param {Record<string, string | number>} [details]
 * @returns {string}
 */
export function say(language, key, details = {}) {
  const sentence = texts[language][key];
  if (sentence === undefined) return key.slice(key.indexOf(".") + 1);
  return sentence.replace(/\{(\w+)\}/g, (_, /** @type {string} */ name) => String(details[name] ?? "–"));
}

/**
 * Choose between the two languages of a thing: `ko`/`en` or `title_ko`/`title_en`.
 *
 * @param {Language} language
 * @param {string} korean
 * @param {string} english
 * @returns {string}
 */
export function either(language, korean, english) {
  return (language === "ko" ? korean : english) || korean || english;
}
