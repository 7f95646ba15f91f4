/** Colours of a screenshot: PNG with 8 bits a channel and no interlacing, as Chromium makes them. */
import { inflateSync } from "node:zlib";

/**
 * How often each colour is there, as `r,g,b`.
 * @param {Buffer} png
 * @returns {Map<string, number>}
 */
export function coloursOf(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const channels = png[25] === 6 ? 4 : 3;
  const parts = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const data = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  let before = new Uint8Array(stride);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1);
    const line = new Uint8Array(data.subarray(start + 1, start + 1 + stride));
    unfilter(data[start] ?? 0, line, before, channels);
    for (let at = 0; at < stride; at += channels) {
      const colour = `${line[at]},${line[at + 1]},${line[at + 2]}`;
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    before = line;
  }
  return counts;
}

/**
 * @param {number} filter
 * @param {Uint8Array} line
 * @param {Uint8Array} above
 * @param {number} channels
 */
function unfilter(filter, line, above, channels) {
  for (let at = 0; at < line.length; at += 1) {
    const [left, up, corner] = [line[at - channels] ?? 0, above[at] ?? 0, above[at - channels] ?? 0];
    const guess = left + up - corner;
    const [a, b, c] = [left, up, corner].map((one) => Math.abs(guess - one));
    const paeth =
      Number(a) <= Number(b) && Number(a) <= Number(c) ? left : Number(b) <= Number(c) ? up : corner;
    const added = [0, left, up, (left + up) >> 1, paeth][filter] ?? 0;
    line[at] = (line[at] ?? 0) + added;
  }
}

/**
 * WCAG's contrast of two colours.
 * @param {string} one
 * @param {string} other
 */
export function contrast(one, other) {
  const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (Number(bright) + 0.05) / (Number(dark) + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [red, green, blue] = colour.split(",").map((part) => {
    const share = Number(part) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * Number(red) + 0.7152 * Number(green) + 0.0722 * Number(blue);
}
