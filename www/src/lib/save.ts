/** Hands the reader a file. */
export function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // the browser has taken it by then, however large it is
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
