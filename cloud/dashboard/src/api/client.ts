// One door to the cloud: JSON in, JSON out, refusals as ApiError.

export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly requestId: string;
  readonly details: Record<string, unknown>;

  constructor(status: number, code: string, message: string, requestId: string, details: Record<string, unknown>) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.details = details;
  }
}

let language = "ko";

export function speak(next: string): void {
  language = next;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

/** Read a refusal; a proxy's page instead of JSON still gives a code and the request's id. */
export function refusal(status: number, body: unknown, requestId: string): ApiError {
  const error = record(record(body).error);
  return new ApiError(
    status,
    text(error.code, `HTTP_${status}`),
    text(error.message, ""),
    text(error.request_id, requestId),
    record(error.details),
  );
}

interface Sent {
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** What the asker has seen: the edit holds only for it. */
  tag?: string;
}

async function answered(method: string, path: string, { body, signal, tag }: Sent): Promise<{ answer: unknown; tag: string }> {
  const headers: Record<string, string> = { "Accept-Language": language };
  if (tag) headers["If-Match"] = tag;
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (signal) init.signal = signal;
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID();
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "CLOUD_UNREACHABLE", "", "", {});
  }
  const answer: unknown =
    response.status === 204 ? undefined : await response.json().catch(() => undefined);
  // Held for an approval is no success: nothing has happened yet.
  const isHeld = response.status === 202 && "error" in record(answer);
  if (!response.ok || isHeld) throw refusal(response.status, answer, response.headers.get("X-Request-Id") ?? "");
  return { answer, tag: response.headers.get("ETag") ?? "" };
}

/** GET `path`; the caller names the schema of the answer. */
 
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await answered("GET", path, { signal })).answer as T;
}

/** GET `path` with the mark under which it may be changed. */
export async function readTagged(path: string, signal?: AbortSignal): Promise<{ answer: unknown; tag: string }> {
  return answered("GET", path, { signal });
}

/** GET the mark of what lies at `path`, which a change of it must bring along. */
export async function readTag(path: string): Promise<string> {
  return (await answered("GET", path, {})).tag;
}

/** POST `body` as JSON, or as a form when it is one. */
 
export async function act<T>(path: string, body: unknown): Promise<T> {
  return (await answered("POST", path, { body })).answer as T;
}

/** PUT `body` over what was seen under `tag`. */
export async function replace<T>(path: string, body: unknown, tag: string): Promise<T> {
  return (await answered("PUT", path, { body, tag })).answer as T;
}

/** DELETE what lies at `path`. */
export async function remove(path: string): Promise<void> {
  await answered("DELETE", path, {});
}
