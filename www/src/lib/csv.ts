/** Tables as CSV (RFC 4180), for spreadsheets: a cell that one would run as a formula gets a leading apostrophe. */

/** Text, which others may have written; numbers stand as they are, null is empty. */
export type Cell = string | number | null;

export function csv(rows: Cell[][]): Blob {
  const text = rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
  return new Blob([text], { type: "text/csv;charset=utf-8" });
}

function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // where lists are separated by semicolons, a spreadsheet begins a cell at those too, quotes or not
  const guarded = value.replace(/(^|[;\t]\s*)(?=[=+\-@\t\r])/g, "$1'");
  return /[",\r\n]/.test(value) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

export function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // the browser has taken it by then, however large it is
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
