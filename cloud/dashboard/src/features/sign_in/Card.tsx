import type { ReactNode } from "react";

import { changeLanguage, useSpoken } from "@/app/language";
import classes from "@/features/sign_in/SignInPage.module.css";

/** What stands at the door, alone on its page. */
export function Card({ children }: { children: ReactNode }) {
  const { language } = useSpoken();
  return (
    <div className={classes.page}>
      <div className={`${classes.card ?? ""} k-panel`}>
        <svg width="44" height="44" viewBox="0 0 32 32" aria-hidden>
          <rect width="32" height="32" rx="8" fill="var(--mantine-color-petrol-8)" />
          <path d="M8 24 24 8M9 9l14 14" fill="none" stroke="#f4efe6" strokeWidth="2.6" strokeDasharray="4.2 2.6" strokeLinecap="round" />
        </svg>
        {children}
        <button type="button" className={classes.language} onClick={() => { changeLanguage(language === "ko" ? "en" : "ko"); }}>
          {language === "ko" ? "English" : "한국어"}
        </button>
      </div>
    </div>
  );
}
