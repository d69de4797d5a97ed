import { byId, icon, make } from "./dom.js";

const SIGNS = "1234567890QWERTYUIOPASDFGHJKLZXCVBNM";

/**
 * A keypad for gloved fingers, under the code's input.
 *
 * @param {(text: string) => void} onEnter
 */
export function setUpKeypad(onEnter) {
  const pad = byId("keypad");
  const input = /** @type {HTMLInputElement} */ (byId("code"));
  const toggle = byId("keys");
  const show = (/** @type {boolean} */ open) => {
    pad.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
  };
  const enter = () => {
    onEnter(input.value);
    show(false);
  };
  const keys = [...SIGNS].map((sign) =>
    make("button", { type: "button", click: () => { input.value += sign; } }, sign),
  );
  keys.push(
    make("button", { type: "button", class: "wide", click: () => { input.value = input.value.slice(0, -1); } }, "⌫"),
    make("button", { type: "button", class: "wide primary", click: enter }, "↵"),
  );
  pad.append(...keys);
  toggle.append(icon("keys"));
  toggle.addEventListener("click", () => show(pad.hidden));
  return { close: () => show(false) };
}
