/** What was changed, or would be, member by member: from what to what. */

import type { Change } from "../domain/changes";
import { day } from "../lib/time";
import { visible } from "./hostile";
import { Time } from "./text";

/** So many stand there at once. */
const MAX_CHANGES = 6;

export function ChangeList({ list }: { list: Change[] }) {
  if (list.length === 0) return null;
  return (
    <div class="changes">
      <ul class="plain">{list.slice(0, MAX_CHANGES).map(item)}</ul>
      {list.length > MAX_CHANGES && (
        <details>
          <summary>{list.length - MAX_CHANGES} more</summary>
          <ul class="plain">{list.slice(MAX_CHANGES).map(item)}</ul>
        </details>
      )}
    </div>
  );
}

function item({ member, before, after }: Change) {
  return (
    <li key={member}>
      {member && <span class="muted">{member} </span>}
      {before !== undefined && (
        <del>
          <Value text={before} />
        </del>
      )}
      {before !== undefined && after !== undefined && <span aria-hidden="true"> → </span>}
      {after !== undefined && (
        <ins>
          <Value text={after} />
        </ins>
      )}
    </li>
  );
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

function Value({ text }: { text: string }) {
  if (TIME.test(text)) return <Time at={text} />;
  return <span>{DAY.test(text) ? day(text) : visible(text)}</span>;
}
