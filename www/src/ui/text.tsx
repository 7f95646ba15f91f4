/** Small parts of text: lines, names, facts, moments, headings. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { clock, countdown, dateOnly, dateTime, shortDateTime, useNow, utc } from "../lib/time";
import { visible } from "./hostile";

interface Props {
  first: ComponentChildren;
  second: ComponentChildren;
  /** Not broken where there is room */
  whole?: boolean;
}

/** A line, and a lesser one beneath it. */
export function TwoLines({ first, second, whole }: Props) {
  return (
    <span class={whole ? "two whole" : "two"}>
      <span>{first}</span>
      {second && <span class="muted">{second}</span>}
    </span>
  );
}

/** A host's name, which breaks after its dots where it has to. */
export function Host({ name }: { name: string }) {
  return (
    <>
      {visible(name)
        .split(/(?<=\.)/)
        .flatMap((label, index) => (index === 0 ? [label] : [<wbr key={`${index}`} />, label]))}
    </>
  );
}

/** A term and what is known of it, left out where that is nothing. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === null || children === undefined || children === false || children === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface TimeProps {
  at: string;
  /** `beside` adds a countdown, `only` shows nothing else */
  countdown?: "beside" | "only";
  /** Without this year; `date`: without the time of day; `clock`: that alone */
  short?: boolean | "date" | "clock";
}

export function Time({ at, countdown: shown, short }: TimeProps) {
  const now = useNow();
  const text = inWords(at, short, now);
  return (
    <span class="time">
      <time dateTime={at} title={shown === "only" ? `${text} (${utc(at)})` : utc(at)}>
        {shown === "only" ? countdown(at, now) : text}
      </time>
      {shown === "beside" && " "}
      {shown === "beside" && <span class="countdown">{countdown(at, now)}</span>}
    </span>
  );
}

function inWords(at: string, short: TimeProps["short"], now: Date): string {
  if (short === "clock") return clock(at);
  if (short === "date") return dateOnly(at);
  return short ? shortDateTime(at, now) : dateTime(at);
}

interface TitleProps {
  title: string;
  /** What stands above it: where the reader came from */
  trail?: ComponentChildren;
  /** What can be done here */
  children?: ComponentChildren;
}

export function Title({ title, trail, children }: TitleProps) {
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
