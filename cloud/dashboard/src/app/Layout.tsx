import { ActionIcon, Menu, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useMutation, useQuery, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";

import { act } from "@/api/client";
import { approvalsQuery, disputesQuery, meQuery } from "@/api/queries";
import classes from "@/app/Layout.module.css";
import { changeLanguage, useSpoken } from "@/app/language";
import { Bell } from "@/features/notifications/Bell";
import { RegistryProblems } from "@/features/registry/RegistryProblems";
import { useLive } from "@/live/live";
import { LiveProvider } from "@/live/LiveProvider";

function LinkBadge() {
  const { t } = useSpoken();
  const { link } = useLive();
  return (
    <Tooltip label={t(`link.${link}_long`)} multiline maw={280}>
      <span className={classes.badge} data-link={link} role="status">
        <i aria-hidden />
        {t(`link.${link}`)}
      </span>
    </Tooltip>
  );
}

function Schemes() {
  const { t } = useSpoken();
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={t(isDark ? "layout.light" : "layout.dark")}
      onClick={() => {
        setColorScheme(isDark ? "light" : "dark");
      }}
    >
      <svg width="19" height="19" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" aria-hidden>
        {isDark ? (
          <path d="M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 1.5v1.6M10 16.9v1.6M1.5 10h1.6M16.9 10h1.6M4 4l1.1 1.1M14.9 14.9 16 16M4 16l1.1-1.1M14.9 5.1 16 4" />
        ) : (
          <path d="M16.5 12A7 7 0 0 1 8 3.5 7 7 0 1 0 16.5 12" strokeLinejoin="round" />
        )}
      </svg>
    </ActionIcon>
  );
}

function PersonMenu() {
  const { t, say } = useSpoken();
  const { data: me } = useSuspenseQuery(meQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: () => act("/logout", {}),
    onSettled: async () => {
      client.clear();
      await navigate({ to: "/login" });
    },
  });
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <button type="button" className={classes.person}>
          <b>{say(me.person.name_ko, me.person.name_en)}</b>
          <small>{say(me.organization_name_ko, me.organization_name_en)}</small>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.person.login}</Menu.Label>
        <Menu.Item component={Link} to="/conversations">{t("layout.conversations")}</Menu.Item>
        <Menu.Item component={Link} to="/account/notifications">{t("layout.notifications")}</Menu.Item>
        <Menu.Item component={Link} to="/account">{t("layout.account")}</Menu.Item>
        <Menu.Divider />
        <Menu.Item component={Link} to="/learned">{t("layout.learned")}</Menu.Item>
        <Menu.Item component={Link} to="/rollouts">{t("layout.rollouts")}</Menu.Item>
        <Menu.Item component={Link} to="/jobs">{t("layout.jobs")}</Menu.Item>
        <Menu.Item component={Link} to="/webhooks">{t("layout.webhooks")}</Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => { leave.mutate(); }}>{t("layout.sign_out")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Header() {
  const { t, language } = useSpoken();
  const { data: disputes = [] } = useQuery(disputesQuery(true));
  const { data: approvals = [] } = useQuery(approvalsQuery(false));
  const waiting = approvals.filter((one) => one.may_decide).length;
  return (
    <header className={classes.header}>
      <Link to="/" className={classes.brand} aria-label="Kyndof">
        <svg width="30" height="30" viewBox="0 0 32 32" aria-hidden>
          <rect width="32" height="32" rx="8" fill="var(--mantine-color-petrol-8)" />
          <path d="M8 24 24 8M9 9l14 14" fill="none" stroke="#f4efe6" strokeWidth="2.6" strokeDasharray="4.2 2.6" strokeLinecap="round" />
        </svg>
        <span>Kyndof</span>
      </Link>
      <nav className={classes.nav} aria-label={t("layout.pages")}>
        <Link to="/" activeOptions={{ exact: true }} activeProps={{ "data-active": true }}>{t("layout.floor")}</Link>
        <Link to="/work-orders" activeProps={{ "data-active": true }}>{t("layout.work_orders")}</Link>
        <Link to="/approvals" activeProps={{ "data-active": true }}>
          {t("layout.approvals")}
          {waiting > 0 ? <b className={classes.count}>{waiting}</b> : null}
        </Link>
        <Link to="/disputes" activeProps={{ "data-active": true }}>
          {t("layout.disputes")}
          {disputes.length > 0 ? <b className={classes.count}>{disputes.length}</b> : null}
        </Link>
      </nav>
      <div className={classes.tools}>
        <LinkBadge />
        <button
          type="button"
          className={classes.language}
          lang={language === "ko" ? "en" : "ko"}
          onClick={() => { changeLanguage(language === "ko" ? "en" : "ko"); }}
        >
          {language === "ko" ? "English" : "한국어"}
        </button>
        <Bell />
        <Schemes />
        <PersonMenu />
      </div>
    </header>
  );
}

export function Layout() {
  return (
    <LiveProvider>
      <Header />
      <RegistryProblems />
      <main className={classes.main}>
        <Outlet />
      </main>
    </LiveProvider>
  );
}
