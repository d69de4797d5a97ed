// What changed at a station between two of its states: alarms, and whether it is there at all.

import type { LiveEvent } from "@/api/schema";

interface Known {
  alarms: readonly string[];
  online: boolean;
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];

/** Remembers each station's last state and tells the differences as events of their own. */
export class AlarmWatch {
  private readonly known = new Map<string, Known>();

  /** The first state of a station is where it begins: its alarms stand on the card already. */
  take(event: LiveEvent): LiveEvent[] {
    const { station_id: id, online } = event.payload;
    if (event.type !== "station_state_changed" || typeof id !== "string") return [];
    const now: Known = { alarms: strings(event.payload.alarms), online: online !== false };
    const before = this.known.get(id);
    this.known.set(id, now);
    if (!before) return [];
    const told: LiveEvent[] = [];
    const tell = (type: string, alarm: string): void => {
      told.push({ ...event, type, event_id: `${event.event_id}.${type}.${alarm}`, payload: { ...event.payload, piece_id: "", alarm } });
    };
    if (now.online !== before.online) tell(now.online ? "station_online" : "station_offline", "");
    for (const alarm of now.alarms) if (!before.alarms.includes(alarm)) tell("alarm_raised", alarm);
    for (const alarm of before.alarms) if (!now.alarms.includes(alarm)) tell("alarm_cleared", alarm);
    return told;
  }
}
