/** What the browser keeps for the page, for this tab or for good, and the colours that a reader chose. */

type Where = "sessionStorage" | "localStorage";

export function readStored(where: Where, name: string): string | null {
  try {
    return window[where].getItem(name);
  } catch {
    return null;
  }
}

/** `null` forgets it. */
export function store(where: Where, name: string, value: string | null): void {
  try {
    if (value === null) window[where].removeItem(name);
    else window[where].setItem(name, value);
  } catch {
    // it holds until the page is left
  }
}

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
