// What a notification is about, in people's words.

interface Words {
  name: (group: string, code: string) => string;
  who: (login: string) => string;
  why: (code: string) => string;
}

const PERSONS = new Set(["requester", "approved_by", "rejected_by", "changed_by", "by", "assigned_by", "assignee"]);
/** Whatever only a program needs. */
const HIDDEN = new Set(["domain", "resource"]);

export function tellDetails(details: Readonly<Record<string, string>>, { name, who, why }: Words): string {
  const told = (field: string, value: string): string => {
    if (PERSONS.has(field)) return who(value);
    if (field === "action") return name("action", value.replaceAll("-", "_"));
    if (field === "stage") return name("stage", value);
    if (field === "next_stage") return name("rollout_stage", value);
    if (field === "code") return details.next_stage ? name("rollout_code", value) : why(value);
    return value;
  };
  return Object.entries(details)
    .filter(([field]) => !HIDDEN.has(field))
    .map(([field, value]) => told(field, value))
    .join(" · ");
}
