import "@mantine/core/styles.css";
import "@/app/page.css";

import { MantineProvider } from "@mantine/core";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiError } from "@/api/client";
import { keys } from "@/api/queries";
import { startLanguage } from "@/app/language";
import { buildRouter } from "@/app/router";
import { theme, variables } from "@/app/theme";

/** Pages of whoever is not signed in. */
const DOORS = new Set(["/login", "/login/openid", "/password", "/invitation"]);

/** A session that ended sends the person to the door, whatever was asked for. */
function leaveIfSignedOut(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== "NOT_SIGNED_IN" || DOORS.has(window.location.pathname)) return;
  client.removeQueries({ queryKey: keys.me });
  void router.navigate({ to: "/login" });
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: leaveIfSignedOut }),
  mutationCache: new MutationCache({ onError: leaveIfSignedOut }),
  defaultOptions: {
    queries: {
      // The live connection says what is old.
      staleTime: 60_000,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});
const router = buildRouter(client);

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

const root = document.getElementById("root");
if (root) {
  await startLanguage();
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
