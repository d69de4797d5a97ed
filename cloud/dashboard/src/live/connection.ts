// One WebSocket for the whole page, rebuilt for ever.

import type { LiveEvent } from "@/api/schema";
import { advance, greet, liveAddress, readMessage, reconnectWait, type Position, type Step } from "@/live/resume";

export type LinkState = "connecting" | "live" | "away" | "signed_out";

export interface Listener {
  onEvent: (event: LiveEvent) => void;
  onReload: () => void;
  onLink: (state: LinkState) => void;
}

const SIGNED_OUT = 4401;

export class LiveConnection {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private position: Position;
  private stopped = false;
  private readonly listener: Listener;

  /** `after` is the sequence to begin behind; null begins with what comes next. */
  constructor(listener: Listener, after: number | null) {
    this.listener = listener;
    this.position = { after };
  }

  start(): void {
    this.stopped = false;
    window.addEventListener("online", this.retryNow);
    this.open();
  }

  stop(): void {
    this.stopped = true;
    window.removeEventListener("online", this.retryNow);
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  private readonly retryNow = (): void => {
    if (this.socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.attempt = 0;
    this.open();
  };

  private open(): void {
    if (this.stopped) return;
    const before = this.socket;
    const socket = new WebSocket(liveAddress(window.location, this.position));
    this.socket = socket;
    before?.close();
    socket.onmessage = (message) => {
      if (this.socket === socket) this.take(message.data);
    };
    socket.onclose = (closed) => {
      if (this.socket !== socket || this.stopped) return;
      if (closed.code === SIGNED_OUT) {
        this.listener.onLink("signed_out");
        return;
      }
      this.listener.onLink("away");
      this.timer = setTimeout(() => {
        this.listener.onLink("connecting");
        this.open();
      }, reconnectWait(this.attempt++, Math.random()));
    };
  }

  private take(data: unknown): void {
    const message = readMessage(data);
    if (message.kind === "noise") return;
    if (message.kind === "hello") {
      this.attempt = 0;
      this.follow(greet(this.position, message.sequence));
      this.listener.onLink("live");
      return;
    }
    const step = this.follow(advance(this.position, message.event.sequence));
    if (step !== "skip") this.listener.onEvent(message.event);
  }

  private follow(next: { position: Position; step: Step }): Step {
    this.position = next.position;
    if (next.step === "reload") this.listener.onReload();
    return next.step;
  }
}
