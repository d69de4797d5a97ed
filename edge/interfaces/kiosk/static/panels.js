/** @import { Language, State, Step } from "./types.js" */
import { icon, make } from "./dom.js";
import { act } from "./station.js";
import { either, say } from "./texts.js";
import { verdictView } from "./verdict.js";

/**
 * Show what the worker shall do or know now.
 *
 * @param {State} state
 * @returns {Node[]}
 */
export function panelView(state) {
  const { language, phase } = state;
  if (phase === "refused" && state.refusal) return refusal(state);
  if (phase === "capturing" || phase === "inspecting") return working(language, phase);
  if (phase === "choose") return choices(state);
  if (phase === "verdict" && state.verdict) {
    return [pieceFacts(state), ...verdictView(state, state.verdict)];
  }
  if (phase === "guide" && state.step) return guide(state, state.step);
  return idle(state);
}

/** @param {State} state */
function idle(state) {
  const { language, station } = state;
  if (!station.enrolled) return big(language, "wait", "waiting_enrolment", "waiting");
  if (!station.ready) return big(language, "wait", "waiting_package", "waiting");
  if (state.worker === null) return big(language, "badge", "worker_none", "");
  return big(language, "code", "scan_piece", "");
}

/** @param {Language} language @param {string} glyph @param {string} key @param {string} kind */
function big(language, glyph, key, kind) {
  return [
    make(
      "div",
      { class: `center ${kind}` },
      icon(glyph, "glyph"),
      make("h1", {}, say(language, `page.${key}`)),
      make("p", { class: "lead" }, say(language, `page.${key}_hint`)),
    ),
  ];
}

/**
 * Name the piece, and in a verdict, where the numbers need the room, its step too.
 *
 * @param {State} state
 */
function pieceFacts(state) {
  const { language, piece, step } = state;
  if (!piece || !step) return make("div");
  const chips = [
    make("span", { class: "chip strong" }, say(language, "page.piece", { n: piece.number })),
    make("span", { class: "chip" }, `${say(language, "page.size")} ${piece.size}`),
    make("span", { class: "chip" }, piece.work_order),
  ];
  if (state.phase === "verdict") {
    const title = either(language, step.title_ko, step.title_en);
    chips.push(make("span", { class: "chip" }, `${title} · ${step.stage}`));
  }
  if (step.started && state.phase === "guide") {
    chips.push(make("span", { class: "chip on" }, say(language, "page.started")));
  }
  if (step.rework) chips.push(make("span", { class: "chip rework" }, say(language, "page.rework")));
  if (step.attempt > 1) {
    chips.push(make("span", { class: "chip" }, say(language, "page.attempt", { n: step.attempt })));
  }
  if (state.order_unconfirmed) {
    chips.push(make("span", { class: "chip warn" }, say(language, "page.order_unconfirmed")));
  }
  return make("div", { class: "facts" }, ...chips);
}

/** @param {State} state */
function pieceHead(state) {
  const { language, piece, step } = state;
  if (!piece || !step) return [];
  return [
    pieceFacts(state),
    make(
      "div",
      {},
      make("h1", {}, `${either(language, step.title_ko, step.title_en)} · ${step.stage}`),
      make("p", { class: "lead" }, either(language, piece.title_ko, piece.title_en)),
    ),
  ];
}

/** @param {State} state @param {Step} step */
function guide(state, step) {
  const { language } = state;
  const parts = pieceHead(state);
  const instruction = either(language, step.instruction_ko, step.instruction_en);
  if (instruction) parts.push(make("div", { class: "instruction" }, instruction));
  const lines = state.guide.map((line) =>
    make(
      "li",
      {},
      make("span", {}, either(language, line.text_ko, line.text_en)),
      line.picture_url ? make("img", { src: line.picture_url, alt: "" }) : null,
    ),
  );
  parts.push(make("h2", {}, say(language, "page.guide")));
  parts.push(
    lines.length > 0
      ? make("ol", { class: "guide" }, ...lines)
      : make("p", { class: "hint" }, say(language, "page.guide_empty")),
  );
  if (step.requires_quality_check && step.started) {
    parts.push(make("p", { class: "hint" }, say(language, "page.quality_check")));
  }
  return parts;
}

/** @param {Language} language @param {string} phase */
function working(language, phase) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 420 60");
  svg.setAttribute("class", "stitch");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M6 30H414");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", "10");
  path.setAttribute("stroke-linecap", "round");
  svg.append(path);
  return [
    make(
      "div",
      { class: "working" },
      svg,
      make("h1", {}, say(language, `page.${phase}`)),
      make("p", { class: "lead" }, say(language, "page.hold_still")),
    ),
  ];
}

/** @param {State} state */
function refusal(state) {
  const { language, refusal: why } = state;
  if (!why) return [];
  const scanned = why.code_text
    ? make("span", { class: "scanned" }, `${say(language, "page.scanned")}: ${why.code_text}`)
    : null;
  return [
    make(
      "div",
      { class: "refusal", "data-code": why.code },
      icon("alarm", "glyph"),
      make("p", {}, either(language, why.ko, why.en)),
      scanned,
    ),
  ];
}

/** @param {State} state */
function choices(state) {
  const buttons = state.choices.map((choice) =>
    make(
      "button",
      { type: "button", click: () => void act("choose", { piece_id: choice.piece_id }) },
      choice.label,
    ),
  );
  return [
    make("h1", {}, say(state.language, "page.choose")),
    make("div", { class: "choices" }, ...buttons),
  ];
}

/**
 * Show the buttons that mean something now, the most likely one largest.
 *
 * @param {State} state
 * @returns {HTMLElement[]}
 */
export function actionButtons(state) {
  const { language, phase, step, verdict } = state;
  /** @param {string} key @param {string} action @param {string} kind */
  const button = (key, action, kind) =>
    make(
      "button",
      { type: "button", class: kind, id: `do-${action}`, click: () => void act(action) },
      say(language, `page.${key}`),
    );
  const close = button("cancel", "cancel", "plain");
  if (phase === "guide" && step) {
    const next = step.started ? button("finish", "finish", "go big") : button("start", "start", "primary big");
    return [close, next];
  }
  if (phase === "refused" && step?.started && state.refusal && !verdict) {
    return [close, button("finish", "finish", "go big")];
  }
  if (phase === "verdict" && verdict) {
    const next = button("next_piece", "cancel", "primary big");
    const doubts = state.disputable ? [button("dispute", "dispute", "")] : [];
    return verdict.verdict === "REVIEW" ? [...doubts, button("retake", "retake", ""), next] : [...doubts, next];
  }
  return phase === "refused" || phase === "choose" ? [close] : [];
}
