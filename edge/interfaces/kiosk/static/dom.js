/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, string | boolean | (() => void) | undefined>} [attributes]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Find an element of the page by its id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`#${id} is missing`);
  return /** @type {T} */ (found);
}

/** @type {Record<string, string>} */
const PATHS = {
  PASS: "M4 13l5 5L20 6",
  NONE: "M4 13l5 5L20 6",
  FAIL: "M5 5l14 14M19 5L5 19",
  REVIEW: "M8.5 8.5a3.5 3.5 0 1 1 5.2 3.1c-1.2.7-1.7 1.4-1.7 2.9M12 19v.01",
  CANNOT_MEASURE: "M5 12h14",
  alarm: "M12 3L2 20h20L12 3zM12 10v4M12 17v.01",
  badge: "M4 6h16v13H4zM9 3h6v5H9zM9 13.5a1.7 1.7 0 1 0 0-.01M14 12h4M14 15h4",
  code: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2M20 14v6h-6v-2M18 17h.01",
  wait: "M6 3h12M6 21h12M7 3c0 5 5 6 5 9s-5 4-5 9M17 3c0 5-5 6-5 9s5 4 5 9",
  keys: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M17 10h.01M8 14h8",
};

/**
 * Draw an icon.
 *
 * @param {string} name
 * @param {string} [kind]
 * @returns {SVGElement}
 */
export function icon(name, kind = "icon") {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name] ?? "M12 3L2 20h20z");
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", kind === "icon" ? "2.6" : "2");
  path.setAttribute("stroke-linecap", "round");
  path.setAttribute("stroke-linejoin", "round");
  svg.append(path);
  return svg;
}
