import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

import { speak } from "@/api/client";
import en from "../../texts/en.json";
import ko from "../../texts/ko.json";

export type Language = "ko" | "en";
const KEPT_UNDER = "kyndof-language";

function kept(): Language {
  try {
    return localStorage.getItem(KEPT_UNDER) === "en" ? "en" : "ko";
  } catch {
    return "ko";
  }
}

export async function startLanguage(): Promise<void> {
  const language = kept();
  obey(language);
  await i18next.use(initReactI18next).init({
    resources: { ko: { translation: ko }, en: { translation: en } },
    lng: language,
    fallbackLng: "ko",
    keySeparator: ".",
    interpolation: { escapeValue: false },
    returnNull: false,
  });
}

function obey(language: Language): void {
  speak(language);
  document.documentElement.lang = language;
}

export function changeLanguage(language: Language): void {
  obey(language);
  try {
    localStorage.setItem(KEPT_UNDER, language);
  } catch {
    // A browser that keeps nothing still speaks the language until it is closed.
  }
  void i18next.changeLanguage(language);
}

/** Pairs `x_ko`, `x_en` come from the cloud; the reader's language is taken, the other if it is empty. */
export function useSpoken() {
  const { t, i18n } = useTranslation();
  const language: Language = i18n.language === "en" ? "en" : "ko";
  const say = (ko: string, en: string): string => (language === "en" ? en || ko : ko || en);
  /** A code's text, or the code itself where nobody wrote one. */
  const name = (group: string, code: string): string => t(`${group}.${code}`, { defaultValue: code });
  return { t, language, say, name };
}
