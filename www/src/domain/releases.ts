/** What a build is called: its row of the catalog, or the row below it in its lane. */
import type { Catalog } from "../lib/api";

export type Release = Catalog["releases"][number];

/** The release that a build counts as; `null` below its lane's first row, and for lanes that are not known. */
export function releaseOf(build: string, catalog: Catalog): Release | null {
  const parts = numbers(build);
  const lane = catalog.releases
    .map((release) => ({ release, own: numbers(release.build) }))
    .filter(({ own }) => own.slice(0, 3).every((part, index) => part === parts[index]))
    .filter(({ own }) => last(own) <= last(parts))
    .sort((one, other) => last(other.own) - last(one.own));
  return lane[0]?.release ?? null;
}

/** `CU23 Oct25SU`; `null` where there is neither */
export function releaseName(release: Release | null): string | null {
  return [release?.cu, release?.su].filter(Boolean).join(" ") || null;
}

/** Products that are in support on a day, newest first. */
export function supported(catalog: Catalog, day: string): string[] {
  const lasting = catalog.products.filter(({ end_of_support }) => end_of_support && end_of_support >= day);
  return lasting.map(({ name }) => name).reverse();
}

function numbers(build: string): number[] {
  return build.split(".").map(Number);
}

function last(parts: number[]): number {
  return parts[3] ?? 0;
}
