/** What a view shows of what it loads: that it is loading, what failed, and the last that came. */
import { Component, type ComponentChildren, type FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Paged, Resource } from "../lib/resource";
import { clock } from "../lib/time";
import { Empty, Failure, Loading } from "./notice";

interface AwaitProps<T> {
  of: Resource<T>;
  what: string;
  children: (value: T) => ComponentChildren;
}

/** A failure stands above what was there, and stays until it is known to be over: nothing moves under the pointer. */
export function Await<T>({ of, what, children }: AwaitProps<T>) {
  const { value, error, loading, former, reload } = of;
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} busy={loading} />}
      {error !== undefined && value !== undefined && <p class="muted">This is what was loaded last:</p>}
      {error === undefined && (value === undefined || former) && <Loading what={what} />}
      {value !== undefined && (
        <div class={former ? "former" : undefined} aria-busy={former}>
          {children(value)}
        </div>
      )}
    </>
  );
}

/** Of when what is shown is, and the way to what is newer. */
export function AsOf({ of: { at, loading, reload } }: { of: Omit<Resource<unknown>, "value"> }) {
  return (
    <p class="as-of muted">
      {at && `As of ${clock(at)} `}
      <button type="button" class="quiet" onClick={reload} aria-busy={loading} disabled={loading}>
        {loading ? "Loading …" : "Refresh"}
      </button>
    </p>
  );
}

/** Below a list that is read page by page: the way to what is older. */
export function More<T>({ of: { more, loading }, children }: { of: Paged<T>; children: string }) {
  if (!more) return null;
  return (
    <p class="actions more">
      <button type="button" onClick={more} disabled={loading} aria-busy={loading}>
        {loading ? "Loading …" : children}
      </button>
    </p>
  );
}

/** What goes wrong in one view leaves the others. */
export class Boundary extends Component<{ children: ComponentChildren }, { error: unknown }> {
  override state = { error: undefined as unknown };

  override componentDidCatch(error: unknown) {
    this.setState({ error });
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return <Failure error={error} retry={() => this.setState({ error: undefined })} />;
  }
}

/** A part of the page that is fetched when it is first used; `sheet`: its style sheet, where it has one of its own. */
export function lazy<P extends object>(
  load: () => Promise<FunctionComponent<P>>,
  sheet?: string,
): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | undefined;
  return function Lazy(props: P) {
    const [state, setState] = useState<"loading" | "loaded" | "missing">(loaded ? "loaded" : "loading");
    useEffect(() => {
      // it may have come for another one since this one was drawn
      if (loaded) return setState("loaded");
      Promise.all([load(), sheet && linked(sheet)]).then(
        ([View]) => {
          loaded = View;
          setState("loaded");
        },
        () => setState("missing"),
      );
    }, []);
    if (loaded) {
      const View = loaded;
      return <View {...props} />;
    }
    if (state !== "missing") return <Loading what="this part of the page" />;
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
  };
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
