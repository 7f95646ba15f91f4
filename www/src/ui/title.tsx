/** A view's heading, which is the window's title too. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface Props {
  title: string;
  /** What stands above it: where the reader came from */
  trail?: ComponentChildren;
  /** What can be done here */
  children?: ComponentChildren;
}

export function Title({ title, trail, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Tidegate`;
  }, [title]);
  return (
    <header class="title">
      {trail && (
        <nav class="trail" aria-label="Breadcrumb">
          {trail}
        </nav>
      )}
      <div class="title-row">
        <h1>{title}</h1>
        {children && <div class="actions">{children}</div>}
      </div>
    </header>
  );
}
