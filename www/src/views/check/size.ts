/** Sizes and speeds of reading, in decimal units as disks and networks have them. */

/** `812 B`, `14.2 kB`, `1.9 GB` */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1_000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** `85 MB/s`, of octets in milliseconds */
export function rate(count: number, took: number): string {
  return `${bytes(Math.round((count / Math.max(took, 1)) * 1_000))}/s`;
}

/** `about 12 s left`, as fast as until now */
export function secondsLeft(left: number, read: number, took: number): string {
  if (read === 0) return "";
  const seconds = Math.ceil((left / read) * (took / 1_000));
  if (seconds < 90) return `about ${seconds} s left`;
  return `about ${Math.ceil(seconds / 60)} min left`;
}
