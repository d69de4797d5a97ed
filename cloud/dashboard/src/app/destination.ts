// Where somebody wanted to go before the door asked who it is. One tab, one wish.

const KEY = "kyndof.destination";

/** Only a path of ours: an address from outside never becomes a destination. */
export function isOurs(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && !path.startsWith("/login");
}

export function remember(path: string): void {
  if (isOurs(path)) window.sessionStorage.setItem(KEY, path);
}

export function takeDestination(): string {
  const path = window.sessionStorage.getItem(KEY) ?? "/";
  window.sessionStorage.removeItem(KEY);
  return isOurs(path) ? path : "/";
}
