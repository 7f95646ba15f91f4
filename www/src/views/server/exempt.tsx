/** Exempting a server, for who may. */
import { useState } from "preact/hooks";
import { rights, useSession } from "../../lib/auth";
import { ExemptDialog } from "../../ui/exempt-dialog";
import { ExemptEnd } from "../../ui/exempt-end";
import type { Words } from "../../ui/said";
import type { ServerPage } from "./load";

interface Props {
  tenant: string;
  page: ServerPage;
  /** With what was done */
  onChange: (words: Words) => void;
}

export function Exempt({ tenant, page: { server, policy }, onChange }: Props) {
  const { me } = useSession();
  const [open, setOpen] = useState<"exempt" | "end" | null>(null);
  if (!rights(me, policy).exempt) return null;
  const close = () => setOpen(null);
  const done = (words: Words) => {
    close();
    onChange(words);
  };
  const dialog = { tenant, server, onClose: close, onDone: done };
  const isExempt = server.exempt_until !== null;
  return (
    <>
      <button type="button" onClick={() => setOpen("exempt")}>
        {isExempt ? "Change the exemption" : "Exempt it"}
      </button>
      {isExempt && (
        <button type="button" onClick={() => setOpen("end")}>
          End the exemption
        </button>
      )}
      {open === "exempt" && <ExemptDialog {...dialog} />}
      {open === "end" && <ExemptEnd {...dialog} />}
    </>
  );
}
