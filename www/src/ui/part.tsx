/** A part of the page that is fetched when it is first used. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Loading } from "./notice";

interface Props<P> {
  load: () => Promise<ComponentType<P>>;
  /** Its style sheet, where it has one of its own */
  sheet?: string;
  /** What the part is shown with */
  props: P;
}

/** For another part give it another `key`. */
export function Part<P extends object>({ load, sheet, props }: Props<P>) {
  const [part, setPart] = useState<{ View: ComponentType<P> } | "missing" | undefined>();
  useEffect(() => {
    Promise.all([load(), sheet && linked(sheet)]).then(
      ([View]) => setPart({ View }),
      () => setPart("missing"),
    );
  }, []);
  if (part === undefined) return <Loading what="this part of the page" />;
  if (part === "missing") {
    return (
      <Empty title="This part of the page could not be loaded.">
        <p>Tidegate may be out of reach, or was updated since you opened it.</p>
        <p>
          <button type="button" onClick={() => location.reload()}>
            Load the page again
          </button>
        </p>
      </Empty>
    );
  }
  return <part.View {...props} />;
}

/** A part is not shown without its style sheet. That stays, as the part itself does. */
function linked(href: string): Promise<unknown> | undefined {
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  document.head.append(link);
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = reject;
  });
}
