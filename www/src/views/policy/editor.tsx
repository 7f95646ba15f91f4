/** The editor of a policy: typed, looked at in a preview, then stored. */
import { useEffect, useRef, useState } from "preact/hooks";
import { changes } from "../../domain/changes";
import { plural } from "../../domain/words";
import type { Policy, PolicyPreview } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { ApiError, path } from "../../lib/http";
import { ChangeList } from "../../ui/change-list";
import { useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import { Said, type Words } from "../../ui/said";
import { Unsaved } from "../../ui/unsaved";
import { toPolicy } from "./draft";
import { type Meeting, usePolicyEdit, wordOn } from "./edit";
import { PolicyForm } from "./form";
import { loadPolicy, type PolicyPage } from "./load";
import { PreviewDialog } from "./preview";

interface Props {
  tenant: string;
  page: PolicyPage;
}

interface Saved {
  policy: Policy;
  /** Servers whose clock the change holds back */
  held: number;
}

export function PolicyEditor({ tenant, page }: Props) {
  const { api, me } = useSession();
  const { admin } = rights(me);
  const edit = usePolicyEdit(page);
  const { stored, draft, faults } = edit;
  const [preview, setPreview] = useState<PolicyPreview | undefined>();
  const [words, setWords] = useState<Words | undefined>();
  const form = useRef<HTMLFormElement>(null);
  const address = path`/v1/tenants/${tenant}/policy`;
  const looking = useSending(async () => {
    setWords(undefined);
    setPreview(
      (await api.ask<PolicyPreview>("POST", `${address}/preview`, posted(toPolicy(draft), admin))).body,
    );
  });
  const save = async () => {
    const options = { ifMatch: stored.etag };
    const { body, etag } = await api.ask<Saved>("PUT", address, posted(toPolicy(draft), admin), options);
    edit.adopt({ policy: body.policy, etag });
    setPreview(undefined);
    setWords({ text: savedWords(body.held), focus: true });
  };
  const reload = async () => {
    edit.rebase(await loadPolicy(api, tenant));
    setPreview(undefined);
    setWords({ text: "The policy as it is now is loaded, your own edits on top of it.", focus: true });
  };
  const discard = () => {
    edit.adopt(stored);
    setWords({ text: "Your edits are discarded.", focus: true });
  };
  const toFirstFault = () => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  useEffect(() => {
    if (looking.error !== undefined) toFirstFault();
  }, [looking.error]);
  const submit = (event: Event) => {
    event.preventDefault();
    if (faults.size > 0) toFirstFault();
    else looking.submit();
  };
  const isPlaced = looking.error instanceof ApiError && looking.error.field !== null;
  return (
    <>
      <form ref={form} class="policy" onSubmit={submit} noValidate>
        <Said words={words} />
        {edit.meeting && edit.isDirty && (
          <Met meeting={edit.meeting} mine={faults.size === 0 ? toPolicy(draft) : null} />
        )}
        <PolicyForm
          // fields that keep what is typed to themselves
          key={edit.round}
          page={page}
          admin={admin}
          draft={draft}
          set={edit.set}
          errorAt={(member) => faults.get(member) ?? wordOn(looking.error, member)}
        />
        {edit.isDirty && (
          <div class="savebar">
            <p role="status">
              {faults.size === 0
                ? "There are unsaved changes."
                : `${plural(faults.size, "field needs", "fields need")} another look.`}
            </p>
            {!isPlaced && <Refusal error={looking.error} />}
            <p class="actions">
              <button type="submit" class="primary" disabled={looking.busy}>
                {looking.busy ? "Looking …" : "Preview and save …"}
              </button>
              <button type="button" onClick={discard}>
                Discard
              </button>
            </p>
          </div>
        )}
      </form>
      {edit.isDirty && <Unsaved />}
      {preview && (
        <PreviewDialog
          tenant={tenant}
          before={stored.policy}
          preview={preview}
          save={save}
          reload={reload}
          onClose={() => setPreview(undefined)}
        />
      )}
    </>
  );
}

/** Members that an admin sets stay as they are when others leave them out. */
function posted(policy: Policy, admin: boolean): Partial<Policy> {
  if (admin) return policy;
  const { delegated: _, pause_days_per_year: __, ...own } = policy;
  return own;
}

function savedWords(held: number): string {
  if (held === 0) return "The policy is saved.";
  return `The policy is saved. ${plural(held, "clock is", "clocks are")} held back, so that nothing becomes stricter at once.`;
}

/** What somebody else changed in between, and what is still unsaved here. */
function Met({ meeting: { before, theirs, contested }, mine }: { meeting: Meeting; mine: Policy | null }) {
  return (
    <section class="restraint met" aria-label="Changed by somebody else">
      <h2>Somebody else changed</h2>
      <ChangeList list={changes(before, theirs)} />
      {mine && (
        <>
          <h2>Your edits, not saved yet</h2>
          <ChangeList list={changes(theirs, mine)} />
        </>
      )}
      {contested.length > 0 && (
        <p class="refusal">
          Both of you changed {contested.join(", ")}: saving would replace theirs by yours.
        </p>
      )}
    </section>
  );
}
