/** The catalog and the baselines in force, and their other versions. */

import type { Baseline, Catalog } from "../../lib/api";
import { type Api, ApiError, path } from "../../lib/http";

interface Versioned {
  version: number;
  /** null for what is built in */
  updated_at: string | null;
}

export type CatalogVersion = Versioned & { catalog: Catalog; newest_release: NewestRelease | null };

/** The row of a catalog that came out last. */
export interface NewestRelease {
  build: string;
  release_date: string;
  age_days: number;
}

export type BaselineVersion = Versioned & { baseline: Baseline };

/** What has versions: the catalog, or a baseline. */
export type Fact = { kind: "catalog"; version: number } | { kind: "baseline"; name: string; version: number };

export interface AllFacts {
  catalog: CatalogVersion;
  /** By name */
  baselines: BaselineVersion[];
}

export async function loadFacts(api: Api, signal: AbortSignal): Promise<AllFacts> {
  const [catalog, baselines] = await Promise.all([
    api.get<CatalogVersion>("/v1/catalog", { signal }),
    loadBaselines(api, signal),
  ]);
  return { catalog, baselines };
}

async function loadBaselines(api: Api, signal: AbortSignal): Promise<BaselineVersion[]> {
  const names: string[] = [];
  for await (const page of api.pages<{ name: string }>("/v1/baselines", { signal }))
    names.push(...page.map(({ name }) => name));
  return Promise.all(names.map((name) => api.get<BaselineVersion>(path`/v1/baselines/${name}`, { signal })));
}

export function addressOf(fact: Fact): string {
  return fact.kind === "catalog" ? "/v1/catalog" : path`/v1/baselines/${fact.name}`;
}

export function nameOf(fact: Fact): string {
  return fact.kind === "catalog" ? "Catalog" : `Baseline ${fact.name}`;
}

/** `version 3`; `the built-in version` */
export function versionName(version: number): string {
  return version === 0 ? "the built-in version" : `version ${version}`;
}

/** Another version; `null` where there is none. */
export async function loadVersion(
  api: Api,
  fact: Fact,
  version: number,
  signal: AbortSignal,
): Promise<CatalogVersion | BaselineVersion | null> {
  try {
    return await api.get(addressOf(fact), { signal, query: { version } });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
