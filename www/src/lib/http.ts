/** The one place that talks to the API. */

/** Problem details (RFC 9457), or what stands for them where no answer came. */
export class ApiError extends Error {
  constructor(
    /** 0: no answer came */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** The member, parameter or header concerned */
    readonly field: string | null = null,
  ) {
    super(detail || title);
  }
}

/** A page of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Answer<T> {
  body: T;
  etag: string | null;
}

interface Options {
  signal?: AbortSignal | undefined;
  query?: Record<string, string | number | boolean | null | undefined>;
  ifMatch?: string | null;
}

/** How many rows a page of a list has at most. */
const PAGE = 1000;

/** A path whose parts are escaped: path`/v1/tenants/${tenant}`. */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.map((part, at) => part + encodeURIComponent(values[at] ?? "")).join("");
}

export class Api {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  async get<T>(path: string, options: Options = {}): Promise<T> {
    return (await this.ask<T>("GET", path, undefined, options)).body;
  }

  /** Throws an `ApiError`, or the signal's reason. A body of `undefined` is none. */
  async ask<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<Answer<T>> {
    const answer = await this.#fetch(method, path, body, options, "application/json");
    const text = await answer.text();
    return { body: (text === "" ? undefined : parse(text)) as T, etag: answer.headers.get("etag") };
  }

  /** A list from its first page on. */
  async *pages<T>(path: string, options: Options = {}): AsyncGenerator<T[]> {
    let cursor: string | null = null;
    do {
      const query: Options["query"] = { ...options.query, limit: PAGE, cursor };
      const page: Page<T> = await this.get(path, { ...options, query });
      yield page.items;
      cursor = page.next;
    } while (cursor !== null);
  }

  async csv(path: string, options: Options = {}): Promise<Blob> {
    return (await this.#fetch("GET", path, undefined, options, "text/csv")).blob();
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    options: Options,
    accept: string,
  ): Promise<Response> {
    const given = Object.entries(options.query ?? {}).filter(
      ([, value]) => value !== null && value !== undefined,
    );
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    const headers: Record<string, string> = { accept, authorization: `Bearer ${this.#key}` };
    if (options.ifMatch) headers["if-match"] = options.ifMatch;
    let answer: Response;
    try {
      const init: RequestInit = {
        method,
        headers,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
      };
      if (body !== undefined) init.body = JSON.stringify(body);
      if (options.signal) init.signal = options.signal;
      answer = await fetch(query ? `${path}?${query}` : path, init);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(0, "No answer", "Tidegate could not be reached.");
    }
    if (!answer.ok) throw await problem(answer);
    return answer;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(0, "Unreadable answer", "The answer was not JSON. Is this page served by Tidegate?");
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
