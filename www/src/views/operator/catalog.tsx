/** The catalog in force: what it knows, product by product. */

import { releaseName } from "../../domain/releases";
import { plural } from "../../domain/words";
import type { Catalog, CatalogVersion } from "../../lib/api";
import { order } from "../../lib/sort";
import { day } from "../../lib/time";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/text";
import type { Fact } from "./restore";

type Product = Catalog["products"][number];
type Release = Catalog["releases"][number];

/** Older ones were not looked for. */
const SEARCHED_FROM = "2016";

interface Row {
  product: Product;
  releases: number;
  newest: Release | undefined;
}

interface Props {
  catalog: CatalogVersion;
  onRestore: ((fact: Fact) => void) | undefined;
}

export function CatalogFacts({
  catalog: { version, updated_at, catalog, newest_release },
  onRestore,
}: Props) {
  const rows = catalog.products.map((product) => rowOf(product, catalog.releases)).reverse();
  const unseen = catalog.releases
    .filter(({ stamped, release_date }) => !stamped && release_date >= SEARCHED_FROM)
    .toSorted((one, other) => order(other.release_date, one.release_date));
  return (
    <section class="part facts-part" aria-labelledby="catalog">
      <div class="title-row">
        <h2 id="catalog">Catalog of releases</h2>
        {onRestore && (
          <button type="button" onClick={() => onRestore({ kind: "catalog", version })}>
            {version === 0 ? "Another version" : "Go back to an earlier version"}
          </button>
        )}
      </div>
      <p>
        {version === 0 ? "The built-in version is in force" : `Version ${version} is in force`}
        {updated_at !== null && (
          <>
            , put there on <Time at={updated_at} />
          </>
        )}
        . {contents(catalog)} {newest_release && `That was ${plural(newest_release.age_days, "day")} ago.`}
      </p>
      <details>
        <summary>Products and their newest releases</summary>
        <Table
          caption="Products of the catalog"
          columns={COLUMNS}
          rows={rows}
          rowKey={({ product }) => product.name}
        />
      </details>
      {unseen.length > 0 && (
        <details>
          <summary>{plural(unseen.length, "release")} not seen in mail yet</summary>
          <p>
            Not every update changes the number that a server stamps. Until that of a release was seen in a{" "}
            <code>Received</code> field, it obliges nobody: the newest one before it that was seen does.
          </p>
          <Table
            caption="Releases whose number was not seen in mail"
            columns={UNSEEN}
            rows={unseen}
            rowKey={({ build, release_date }) => `${build} ${release_date}`}
          />
        </details>
      )}
    </section>
  );
}

/** `11 products, 210 releases; the newest is Exchange Server SE RTM Oct25SU of 14 Oct 2025.` */
export function contents({ products, releases }: Catalog): string {
  const counts = `${plural(products.length, "product")}, ${plural(releases.length, "release")}`;
  const newest = newestOf(releases);
  if (!newest) return `${counts}.`;
  const name = [newest.product, releaseName(newest)].filter(Boolean).join(" ");
  return `${counts}; the newest is ${name} of ${when(newest)}, ${newest.build}.`;
}

function newestOf(releases: Release[]): Release | undefined {
  return releases.toSorted((one, other) => order(other.release_date, one.release_date))[0];
}

/** Of some releases no more than the month is known. */
function when({ release_date }: Release): string {
  return release_date.length > 7 ? day(release_date) : day(`${release_date}-01`).replace(/^1 /, "");
}

function rowOf(product: Product, releases: Release[]): Row {
  const own = releases.filter((release) => release.product === product.name);
  return { product, releases: own.length, newest: newestOf(own) };
}

const COLUMNS: Column<Row>[] = [
  { id: "product", label: "Product", head: true, cell: ({ product }) => product.name },
  {
    id: "support",
    label: "End of support",
    cell: ({ product: { end_of_support } }) => (end_of_support ? day(end_of_support) : null),
  },
  {
    id: "wave",
    label: "Enforced from",
    cell: ({ product: { wave } }) => (wave ? day(wave) : <span class="muted">reported only</span>),
  },
  { id: "releases", label: "Releases", numeric: true, cell: ({ releases }) => releases },
  {
    id: "newest",
    label: "Newest release",
    cell: ({ newest }) => newest && `${releaseName(newest) ?? newest.build} of ${when(newest)}`,
  },
];

const UNSEEN: Column<Release>[] = [
  { id: "product", label: "Product", head: true, cell: ({ product }) => product },
  { id: "release", label: "Release", cell: (release) => releaseName(release) },
  { id: "date", label: "Published", cell: when },
  { id: "build", label: "Build", cell: ({ build }) => build },
];
