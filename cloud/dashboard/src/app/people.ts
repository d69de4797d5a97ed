import { useQuery } from "@tanstack/react-query";

import { personsQuery } from "@/api/queries";
import { useSpoken } from "@/app/language";

/** Who a login is; a login that nobody has (a machine, somebody who left) is shown without its house. */
export function usePeople(): (login: string) => string {
  const { say } = useSpoken();
  const { data: persons } = useQuery(personsQuery);
  return (login) => {
    const person = persons?.find((one) => one.login === login);
    return person ? say(person.name_ko, person.name_en) || login : login.replace(/@.*/, "");
  };
}
