// What a refusal's code means, in the sentences that the cloud itself answers with.

import { useSpoken } from "@/app/language";
import en from "../../../interfaces/rest_api/texts/en.json";
import ko from "../../../interfaces/rest_api/texts/ko.json";

/** The sentence of a code; the code itself where the cloud has none. */
export function useRefusalText(): (code: string) => string {
  const { say } = useSpoken();
  return (code) => say((ko as Record<string, string>)[code] ?? "", (en as Record<string, string>)[code] ?? "") || code;
}
