/** A part of the page that is fetched when it is first used. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Loading } from "./notice";

interface Props<P> {
  load: () => Promise<ComponentType<P>>;
  /** What the part is shown with */
  props: P;
}

/** For another part give it another `key`. */
export function Part<P extends object>({ load, props }: Props<P>) {
  const [part, setPart] = useState<{ View: ComponentType<P> } | "missing" | undefined>();
  useEffect(() => {
    load().then(
      (View) => setPart({ View }),
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
