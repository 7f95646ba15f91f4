/** Light or dark: as the reader's system has it, unless the reader chose. */
import { keep, recall } from "./storage";

export type Theme = "system" | "light" | "dark";

const KEPT_AS = "tidegate.theme";

export function storedTheme(): Theme {
  const kept = recall("localStorage", KEPT_AS);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  keep("localStorage", KEPT_AS, theme === "system" ? null : theme);
  applyTheme(theme);
}
