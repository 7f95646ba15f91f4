/** Check a header: which Exchange servers a message, or a mailbox, came through. Needs no key; nothing is sent. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ViewProps } from "../../lib/router";
import { Title } from "../../ui/text";
import { useChecker } from "./checker";
import { DropTarget, InputForm } from "./form";
import { Hops } from "./hops";
import { Failed, Nothing } from "./nothing";
import { Results } from "./results";
import { ReadSoFar, Summary, sentence } from "./summary";

export function CheckView(_: ViewProps) {
  const { check, start, stop, judge } = useChecker();
  const [refusal, setRefusal] = useState<string | undefined>();
  const heading = useRef<HTMLHeadingElement>(null);
  const over = check !== null && check.phase !== "reading";
  useLayoutEffect(() => {
    // Who pasted goes on editing, all others are led to the answer: at once, lest a key that follows goes astray.
    if (over && !(document.activeElement instanceof HTMLTextAreaElement)) heading.current?.focus();
  }, [check?.id, over]);
  const begin = (input: File | string) => {
    setRefusal(undefined);
    start(input);
  };
  return (
    <>
      <Title title="Check a header" />
      <p class="lead">
        Every on-premises Exchange server that the mail came through: its builds, whether they are up to date,
        and when its mail would be deferred and rejected. Nothing leaves your browser.
      </p>
      <InputForm onInput={begin} refusal={refusal} />
      <DropTarget onFile={begin} onOther={setRefusal} />
      <section aria-labelledby="check-result">
        <div role="status">
          {check && (
            <h2 id="check-result" class="check-sentence" ref={heading} tabIndex={-1}>
              {sentence(check)}
            </h2>
          )}
        </div>
        {check?.phase === "reading" && <ReadSoFar check={check} onStop={stop} />}
        {check?.failure && <Failed {...check.failure} />}
        {check && <Summary check={check} />}
        {check && <Nothing check={check} />}
        {check && <Results check={check} onBaseline={judge} />}
        {check?.header && <Hops header={check.header} found={(check.result?.servers.length ?? 0) > 0} />}
      </section>
    </>
  );
}
