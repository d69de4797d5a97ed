import { useQuery } from "@tanstack/react-query";

import { registryProblemsQuery } from "@/api/queries";
import { useSpoken } from "@/app/language";
import classes from "@/features/registry/RegistryProblems.module.css";
import { SignDrawing } from "@/status/StatusMark";

/** A registry file that did not validate: the last good version serves, and here is why. */
export function RegistryProblems() {
  const { t } = useSpoken();
  const { data: problems = [] } = useQuery(registryProblemsQuery);
  if (problems.length === 0) return null;
  return (
    <section className={classes.banner} data-tone="review" role="alert">
      <SignDrawing sign="question" size={22} />
      <div>
        <b>{t("registry.title", { count: problems.length })}</b>
        <ul>
          {problems.map((problem) => (
            <li key={`${problem.file}:${problem.line}:${problem.reason}`}>
              <code>{problem.line ? `${problem.file}:${problem.line}` : problem.file}</code> {problem.reason}
            </li>
          ))}
        </ul>
        <small>{t("registry.serving")}</small>
      </div>
    </section>
  );
}
