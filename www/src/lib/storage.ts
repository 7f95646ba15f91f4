/** What the browser keeps for the page: for this tab, or for good. One that keeps nothing throws: here it just forgets. */

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
