/**
 * Makes a list that fails shorter: pieces are left out, halves first, as long as what is left fails alike.
 */

/**
 * @template T
 * @param {T[]} list
 * @param {(list: T[]) => Promise<boolean>} fails
 * @param {number} ms no further list is tried after so long
 */
export async function shrink(list, fails, ms) {
  const end = performance.now() + ms;
  let left = list;
  for (let size = Math.ceil(left.length / 2); ; size = Math.ceil(size / 2)) {
    const before = left.length;
    for (let start = 0; start < left.length && performance.now() < end; ) {
      const without = [...left.slice(0, start), ...left.slice(start + size)];
      if (without.length > 0 && (await fails(without))) left = without;
      else start += size;
    }
    if (performance.now() >= end || (size === 1 && left.length === before)) return left;
  }
}
