/** Light or dark: as the reader's system has it, unless the reader chose. */
import { useEffect, useState } from "preact/hooks";
import { keep, recall } from "./storage";

export type Theme = "system" | "light" | "dark";

const KEPT_AS = "tidegate.theme";
const changed = new EventTarget();

export function storedTheme(): Theme {
  const kept = recall("localStorage", KEPT_AS);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  changed.dispatchEvent(new Event("change"));
}

export function chooseTheme(theme: Theme): void {
  keep("localStorage", KEPT_AS, theme === "system" ? null : theme);
  applyTheme(theme);
}

/** A number that grows whenever colours change: what is drawn on a canvas has to be drawn anew. */
export function useColourScheme(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const grow = () => setCount((before) => before + 1);
    dark.addEventListener("change", grow);
    changed.addEventListener("change", grow);
    return () => {
      dark.removeEventListener("change", grow);
      changed.removeEventListener("change", grow);
    };
  }, []);
  return count;
}
