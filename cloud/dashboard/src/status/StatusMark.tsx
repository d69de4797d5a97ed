import { useSpoken } from "@/app/language";
import { statusOf, type Sign } from "@/status/status";
import classes from "@/status/StatusMark.module.css";

const DRAWINGS: Record<Sign, string> = {
  check: "M4.5 10.5 8.5 14.5 15.5 6",
  cross: "M5.5 5.5 14.5 14.5M14.5 5.5 5.5 14.5",
  question: "M7 7.2C7.2 5.4 8.5 4.6 10 4.6c1.8 0 3 1 3 2.6 0 2.2-3 2.3-3 4.6M10 15.2v.1",
  turn: "M15 7.5A5.6 5.6 0 1 0 15.6 11M15.4 3.8v3.9h-3.9",
  play: "M7 5v10l8-5z",
  dot: "M10 10v.01",
  hand: "M6 5v10M14 5v10",
  bin: "M5 6h10M8 6V4h4v2M6.5 6l.7 10h5.6l.7-10",
  up: "M10 16V5M5 9.5 10 4.5l5 5",
  ruler: "M3.5 12.5l9-9 4 4-9 9zM6.8 9.2l1.6 1.6M9.4 6.6l1.6 1.6",
};

export function SignDrawing({ sign, size = 16 }: { sign: Sign; size?: number }) {
  return (
    <svg
      aria-hidden
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill={sign === "play" ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth={sign === "dot" ? 5 : 2.2}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={DRAWINGS[sign]} />
    </svg>
  );
}

interface Props {
  code: string;
  size?: "sm" | "md" | "xl";
  label?: string;
}

/** A state as icon, word and colour. */
export function StatusMark({ code, size = "md", label }: Props) {
  const { name } = useSpoken();
  const { tone, sign } = statusOf(code);
  return (
    <span className={classes.mark} data-tone={tone} data-size={size}>
      <SignDrawing sign={sign} size={size === "xl" ? 26 : size === "sm" ? 12 : 15} />
      <span>{label ?? name("state", code)}</span>
    </span>
  );
}
