/** The editor of a policy: typed, looked at in a preview, then stored. */
import { useEffect, useRef, useState } from "preact/hooks";
import { changes } from "../../domain/changes";
import { plural } from "../../domain/words";
import type { Policy, PolicyPreview } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { ChangeList } from "../../ui/change-list";
import { Unplaced, useSending } from "../../ui/form";
import { StatusLine, type Words } from "../../ui/status";
import { Unsaved } from "../../ui/unsaved";
import { type Draft, toPolicy } from "./draft";
import { type Meeting, usePolicyEdit } from "./edit";
import { PolicyForm } from "./form";
import { PreviewDialog } from "./preview";
import { loadPolicy, type PolicyPage } from "./view";

interface Props {
  tenant: string;
  page: PolicyPage;
}

export function PolicyEditor({ tenant, page }: Props) {
  const { api, me } = useSession();
  const { admin } = rights(me);
  const edit = usePolicyEdit(page);
  const { stored, draft } = edit;
  const [preview, setPreview] = useState<PolicyPreview | undefined>();
  const [words, setWords] = useState<Words | undefined>();
  const form = useRef<HTMLFormElement>(null);
  const params = { path: { tenant } };
  const looking = useSending(async () => {
    setWords(undefined);
    const body = posted(toPolicy(draft), admin);
    setPreview(await value(api.POST("/v1/tenants/{tenant}/policy/preview", { params, body })));
  });
  const save = async () => {
    const header = stored.etag === null ? {} : { "If-Match": stored.etag };
    const asked = api.PUT("/v1/tenants/{tenant}/policy", {
      params: { ...params, header },
      body: posted(toPolicy(draft), admin),
    });
    const { policy, held } = await value(asked);
    edit.adopt({ policy, etag: (await asked).response.headers.get("etag") });
    setPreview(undefined);
    setWords({ text: savedWords(held), focus: true });
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
  useEffect(() => {
    if (looking.error !== undefined) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [looking.error]);
  return (
    <>
      <form ref={form} class="policy" onSubmit={looking.submit}>
        <StatusLine words={words} />
        {edit.meeting && edit.isDirty && <Met meeting={edit.meeting} draft={draft} />}
        <PolicyForm
          // fields that keep what is typed to themselves
          key={edit.round}
          page={page}
          admin={admin}
          draft={draft}
          set={edit.set}
          errorAt={looking.errorOf}
        />
        {edit.isDirty && (
          <div class="savebar">
            <p role="status">There are unsaved changes.</p>
            <Unplaced of={looking} />
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
function Met({ meeting: { before, theirs, contested }, draft }: { meeting: Meeting; draft: Draft }) {
  const mine = attempt(draft);
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

/** Null while what is typed is no policy. */
function attempt(draft: Draft): Policy | null {
  try {
    return toPolicy(draft);
  } catch {
    return null;
  }
}
