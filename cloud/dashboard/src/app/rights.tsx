import { Text } from "@mantine/core";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";

import { meQuery, rightQuery } from "@/api/queries";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";

export interface Right {
  allowed: boolean;
  /** Why not and who may; "" while allowed or not yet known. */
  reason: string;
}

/** Whether the person may do `action`. Only the cloud decides: while unknown nothing is shut. */
export function useRight(action: string): Right {
  const { t } = useSpoken();
  const who = usePeople();
  const { data: me } = useSuspenseQuery(meQuery);
  const { data: told } = useQuery(rightQuery(me.person.login, action));
  if (told?.allowed !== false) return { allowed: true, reason: "" };
  const others = told.goes_to.filter((login) => login !== me.person.login).map(who).join(", ");
  return { allowed: false, reason: others ? t("right.others", { people: others }) : t("right.nobody") };
}

/** The sentence beside what is shut. */
export function NotAllowed({ right }: { right: Right }) {
  return right.reason ? <Text fz="sm" c="dimmed" role="note">{right.reason}</Text> : null;
}
