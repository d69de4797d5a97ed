import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";

import { act } from "@/api/client";
import type { Me } from "@/api/schema";
import { takeDestination } from "@/app/destination";

/** Come in by whatever `path` takes, and go on where one wanted to. */
export function useEntering<Body>(path: string) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (body: Body) => act<Me>(path, body),
    onSuccess: async () => {
      client.clear();
      await navigate({ to: takeDestination(), replace: true });
    },
  });
}
