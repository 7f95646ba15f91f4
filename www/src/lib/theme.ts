/** Light or dark: as the reader's system has it, unless the reader chose. */
import { readStored, store } from "./storage";

export type Theme = "system" | "light" | "dark";

const NAME = "tidegate.theme";

export function storedTheme(): Theme {
  const stored = readStored("localStorage", NAME);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  store("localStorage", NAME, theme === "system" ? null : theme);
  applyTheme(theme);
}
