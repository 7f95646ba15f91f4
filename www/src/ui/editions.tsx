/** What a baseline requires, edition by edition, as tables. */

import { inForce } from "../domain/baselines";
import { releaseName, releaseOf } from "../domain/releases";
import { plural } from "../domain/words";
import type { Baseline, Catalog } from "../lib/api";
import { order } from "../lib/sort";
import { dateOf, day } from "../lib/time";

type Edition = Baseline["editions"][number];

interface Props {
  baseline: Baseline;
  catalog: Catalog;
}

export function Editions({ baseline: { name, editions }, catalog }: Props) {
  const newestFirst = editions.toSorted((one, other) => order(other.effective, one.effective));
  const past = newestFirst.filter((edition) => when(edition, editions) === "past");
  const show = (edition: Edition) => (
    <One
      key={edition.effective}
      name={name}
      edition={edition}
      catalog={catalog}
      when={when(edition, editions)}
    />
  );
  return (
    <>
      <p class="muted">Products that an edition does not name are accepted.</p>
      {newestFirst.filter((edition) => !past.includes(edition)).map(show)}
      {past.length > 0 && (
        <details>
          <summary>{plural(past.length, "earlier edition")}</summary>
          {past.map(show)}
        </details>
      )}
    </>
  );
}

function when(edition: Edition, editions: Edition[]): "in force" | "to come" | "past" {
  if (edition === inForce(editions)) return "in force";
  return edition.effective > dateOf(new Date()) ? "to come" : "past";
}

interface OneProps {
  name: string;
  edition: Edition;
  catalog: Catalog;
  when: string;
}

function One({ name, edition, catalog, when }: OneProps) {
  return (
    <section class="edition">
      <h3>
        From {day(edition.effective)} <span class="muted">{when}</span>
      </h3>
      {edition.unsupported_after_end_of_support && (
        <p>
          Whatever is out of support is out of date, but for a build released under extended support until
          that ends.
        </p>
      )}
      {Object.keys(edition.products).length > 0 && (
        <Requirements
          edition={edition}
          catalog={catalog}
          caption={`${name} from ${day(edition.effective)}`}
        />
      )}
    </section>
  );
}

function Requirements({
  edition,
  catalog,
  caption,
}: {
  edition: Edition;
  catalog: Catalog;
  caption: string;
}) {
  const known = catalog.products.map(({ name }) => name);
  const products = Object.entries(edition.products).sort(
    ([one], [other]) => known.indexOf(other) - known.indexOf(one),
  );
  return (
    <table class="requirements">
      <caption class="hidden">{caption}</caption>
      <tbody>
        {products.map(([product, requirement]) => (
          <tr key={product}>
            <th scope="row">{product}</th>
            <td>
              <Required requirement={requirement} catalog={catalog} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

type Requirement = Edition["products"][string];

function Required({ requirement, catalog }: { requirement: Requirement; catalog: Catalog }) {
  if (requirement === "unsupported") return <span>out of date, whatever the build</span>;
  if ("max_lag_days" in requirement) {
    const { max_lag_days: days } = requirement;
    return (
      <span>
        out of date once a newer security update of its cumulative update has been public for{" "}
        {plural(days, "day")}
      </span>
    );
  }
  return (
    <ul class="plain">
      {requirement.minimum.map((build) => {
        const name = releaseName(releaseOf(build, catalog));
        return (
          <li key={build}>
            {build} or later{name && <span class="muted"> {name}</span>}
          </li>
        );
      })}
    </ul>
  );
}
