/** Asks before a server's exemption is ended. */

import { rate } from "../domain/words";
import type { Server } from "../lib/api";
import { useSession } from "../lib/auth";
import { path } from "../lib/http";
import { Dialog } from "./dialog";
import type { Exemptible } from "./exempt-dialog";
import { Buttons, useSending } from "./form";
import { visible } from "./hostile";
import { Refusal } from "./notice";
import type { Words } from "./said";

interface Props {
  tenant: string;
  server: Exemptible & Pick<Server, "stage">;
  onClose: () => void;
  /** With what was done, to be said where the dialog stood */
  onDone: (words: Words) => void;
}

export function ExemptEnd({ tenant, server, onClose, onDone }: Props) {
  const { api } = useSession();
  const { id, stage } = server;
  const name = visible(server.name);
  const { busy, error, submit } = useSending(async () => {
    await api.ask("DELETE", path`/v1/tenants/${tenant}/servers/${id}/exemption`);
    onDone({ text: `${name} is exempt no longer.`, focus: true });
  });
  return (
    <Dialog title={`End the exemption of ${name}?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {stage
            ? `Its clock goes on at once, in stage ${stage.number}: ${rate(stage)} wherever nothing else holds that back.`
            : "It is not in a stage now: nothing changes for its mail until it is found to be out of date."}
        </p>
        <Refusal error={error} />
        <Buttons deed="End it now" doing="Ending …" busy={busy} danger cancel="Keep it" onCancel={onClose} />
      </form>
    </Dialog>
  );
}
