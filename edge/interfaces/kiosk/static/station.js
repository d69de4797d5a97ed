/** @import { State } from "./types.js" */

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;

/**
 * Keep listening to the station; call back with each state, and with null while it is away.
 *
 * @param {(state: State | null) => void} onState
 */
export function listen(onState) {
  let wait = FIRST_WAIT_MS;
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/live`);
    socket.addEventListener("message", (event) => {
      wait = FIRST_WAIT_MS;
      /** @type {unknown} */
      const said = JSON.parse(String(event.data));
      onState(/** @type {State} */ (said));
    });
    socket.addEventListener("close", () => {
      onState(null);
      setTimeout(connect, wait);
      wait = Math.min(wait * 1.6, LONGEST_WAIT_MS);
    });
  };
  connect();
}

/**
 * Press a button of the supervisor's desk.
 *
 * @param {string} act
 * @param {Record<string, string>} [body]
 * @returns {Promise<{ message_ko: string, message_en: string } | null>} why it was refused
 */
export async function actAtDesk(act, body = {}) {
  try {
    const answer = await fetch(`/desk/${act}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Kyndof-Kiosk": "1" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return null;
    /** @type {unknown} */
    const said = await answer.json();
    return /** @type {{ error: { message_ko: string, message_en: string } }} */ (said).error;
  } catch {
    return null;
  }
}

/**
 * Press a button at the station. The answer arrives as the next state.
 *
 * @param {string} action
 * @param {Record<string, string>} [body]
 */
export async function act(action, body = {}) {
  try {
    await fetch(`/actions/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Kyndof-Kiosk": "1" },
      body: JSON.stringify(body),
    });
  } catch {
    // The station is away; the page says so by itself and the worker presses again.
  }
}
