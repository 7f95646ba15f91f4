/** The one place that talks to the API: by the paths and shapes that openapi.json has. */
import createClient from "openapi-fetch";
import type { paths } from "./schema.gen";

/** Problem details (RFC 9457), or what stands for them where no answer came. */
export class ApiError extends Error {
  constructor(
    /** 0: no answer came, or not all of it */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** The member, parameter or header concerned */
    readonly field: string | null = null,
  ) {
    super(detail || title);
  }
}

/** How many rows a page of a list has at most. */
export const PAGE = 1000;
/** How long is waited for an answer to begin, and then for its end, in milliseconds. */
const [BEGIN, END] = [30_000, 120_000];

export type Api = ReturnType<typeof connect>;

/** Its methods throw an `ApiError`, or the reason of the signal that ended them. */
export function connect(key: string) {
  return createClient<paths, "application/json">({
    fetch: ask,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    headers: { accept: "application/json", authorization: `Bearer ${key}` },
  });
}

/** How often something was changed from here: what was loaded before is not the newest any more. */
export let changesMade = 0;

async function ask(request: Request): Promise<Response> {
  const abort = new AbortController();
  const giveUp = () => abort.abort(new ApiError(0, "No answer", "Tidegate did not answer in time."));
  let timer = setTimeout(giveUp, BEGIN);
  const signal = AbortSignal.any([request.signal, abort.signal]);
  let began = false;
  try {
    const answer = await fetch(request, { signal });
    began = true;
    clearTimeout(timer);
    timer = setTimeout(giveUp, END);
    if (!answer.ok) throw await problem(answer);
    const body = answer.status === 204 ? null : await answer.blob();
    // what is not JSON is told here, whatever stands before Tidegate calls it
    if (body?.size && request.headers.get("accept") === "application/json") JSON.parse(await body.text());
    if (request.method !== "GET") changesMade += 1;
    return new Response(body, answer);
  } catch (error) {
    if (request.signal.aborted || error instanceof ApiError) throw error;
    if (abort.signal.aborted) throw abort.signal.reason;
    if (error instanceof SyntaxError)
      throw new ApiError(0, "Unreadable answer", "The answer was not JSON. Is this page served by Tidegate?");
    throw new ApiError(0, "No answer", began ? "The answer broke off." : "Tidegate could not be reached.");
  } finally {
    clearTimeout(timer);
  }
}

async function problem(answer: Response): Promise<ApiError> {
  try {
    const { title, detail, field } = await answer.json();
    return new ApiError(answer.status, String(title), String(detail ?? ""), field ?? null);
  } catch {
    return new ApiError(answer.status, answer.statusText || `Status ${answer.status}`, "");
  }
}

/** What an answer holds. */
export async function value<T>(asked: Promise<{ data?: T }>): Promise<T> {
  const { data } = await asked;
  if (data === undefined) throw new ApiError(0, "Unreadable answer", "The answer was empty.");
  return data;
}

interface Page<T> {
  items: T[];
  next: string | null;
}

/** A list, page by page; `show` gets what has come so far. */
export async function all<T>(
  ask: (page: { limit: number; cursor?: string }) => Promise<{ data?: Page<T> }>,
  show?: (items: T[]) => void,
): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await value(ask({ limit: PAGE, ...(cursor !== undefined && { cursor }) }));
    items.push(...page.items);
    if (page.next === null) return items;
    show?.([...items]);
    cursor = page.next;
  }
}
