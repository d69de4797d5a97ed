import { createContext, use } from "react";

import type { LiveEvent } from "@/api/schema";
import type { LinkState } from "@/live/connection";

export interface Live {
  link: LinkState;
  /** Newest first. */
  events: readonly LiveEvent[];
}

export const LiveContext = createContext<Live>({ link: "connecting", events: [] });

export function useLive(): Live {
  return use(LiveContext);
}
