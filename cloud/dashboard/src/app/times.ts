import { useEffect, useState } from "react";

import { useSpoken } from "@/app/language";

/** Times in the reader's own zone. */
export function useTimes() {
  const { language, t } = useSpoken();
  const locale = language === "en" ? "en-GB" : "ko-KR";
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", weekday: "short" });
  const full = new Intl.DateTimeFormat(locale, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false, timeZoneName: "short",
  });
  const parsed = (iso: string | null): Date | null => {
    const at = iso ? new Date(iso) : null;
    return at && !Number.isNaN(at.getTime()) ? at : null;
  };
  const format = (how: Intl.DateTimeFormat, iso: string | null): string => {
    const at = parsed(iso);
    return at ? how.format(at) : "–";
  };
  const duration = (seconds: number): string => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return t("time.seconds", { count: whole });
    if (whole < 3600) return t("time.minutes", { count: Math.floor(whole / 60) });
    if (whole < 172_800) return t("time.hours", { count: Math.floor(whole / 3600) });
    return t("time.days", { count: Math.floor(whole / 86_400) });
  };
  // A station's clock may be unsure of a moment; what is surer than a second needs no word.
  const doubt = (error_ms: number | null): string =>
    error_ms !== null && error_ms > 1000 ? ` ${t("time.doubt", { count: Math.ceil(error_ms / 1000) })}` : "";
  return {
    doubt,
    clock: (iso: string | null) => format(clock, iso),
    day: (iso: string | null) => format(day, iso),
    full: (iso: string | null) => format(full, iso),
    duration,
  };
}

/** The time, again and again; pages that show "since" follow it. */
export function useNow(every_ms: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, every_ms);
    return () => {
      clearInterval(timer);
    };
  }, [every_ms]);
  return now;
}
