/** What a reader supposes, in the form and in the address. */

import { DEFAULT_LADDER, type StageDraft, sameLadder, toLadder } from "../../domain/ladder";
import type { Ladder } from "../../lib/api";
import type { Query } from "../../lib/router";
import { DAY, isDate } from "../../lib/time";

export interface Inputs {
  build: string;
  baseline: Preset;
  ladder: Ladder;
  /** When it was found out of date, in milliseconds */
  found: number;
  pauses: Days[];
  /** The moment that is looked at, in milliseconds */
  at: number;
  /** Empty: none */
  tenant: string;
  server: string;
}

/** Whole UTC days, both included. */
export interface Days {
  first: string;
  last: string;
}

export const PRESETS = {
  microsoft: "What Microsoft requires",
  strict: "Strict: 30 days after each security update",
} as const;
export type Preset = keyof typeof PRESETS;

const HOUR = 3_600_000;
/** An example: Exchange Server 2016 CU23 of April 2024. */
const BUILD = "15.1.2507.39";
/** By the default ladder, mail is then both deferred and rejected. */
const LOOKED_AT = 62 * DAY;
/** What an address may ask for. */
const MAX_PAUSES = 20;

export function readInputs(query: Query, now: number): Inputs {
  const found = readTime(query.found) ?? Math.floor(now / HOUR) * HOUR;
  return {
    build: query.build ?? BUILD,
    baseline: query.baseline === "strict" ? "strict" : "microsoft",
    ladder: readLadder(query.ladder) ?? DEFAULT_LADDER,
    found,
    pauses: (query.pauses ?? "").split(",").flatMap(readDays).slice(0, MAX_PAUSES),
    at: readTime(query.at) ?? found + LOOKED_AT,
    tenant: query.tenant ?? "",
    server: query.server ?? "",
  };
}

/** With every member; an empty value is the default. */
export function writeInputs({ build, baseline, ladder, found, pauses, at, tenant, server }: Inputs): Query {
  return {
    build,
    baseline: baseline === "microsoft" ? "" : baseline,
    ladder: sameLadder(ladder, DEFAULT_LADDER) ? "" : writeLadder(ladder),
    found: writeTime(found),
    at: writeTime(at),
    pauses: pauses.map(({ first, last }) => `${first}..${last}`).join(","),
    tenant,
    server,
  };
}

/** `2026-12-01T08:15Z` */
function writeTime(at: number): string {
  return new Date(at).toISOString().replace(/:\d\d\.\d+Z$/, "Z");
}

function readTime(text: string | undefined): number | null {
  if (!text || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

function readDays(text: string): Days[] {
  const [, first, last] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text) ?? [];
  if (!first || !last || !isDate(first) || !isDate(last) || last < first) return [];
  return [{ first, last }];
}

/** `30d0-0,45m5-0,0-60`: each stage's length, and its throttle and block minutes */
function writeLadder(ladder: Ladder): string {
  return ladder
    .map(({ days, minutes, throttle_minutes, block_minutes }) => {
      const length = days !== undefined ? `${days}d` : minutes !== undefined ? `${minutes}m` : "";
      return `${length}${throttle_minutes}-${block_minutes}`;
    })
    .join(",");
}

function readLadder(text: string | undefined): Ladder | null {
  if (!text) return null;
  const drafts: StageDraft[] = [];
  for (const [key, stage] of text.split(",").entries()) {
    const [, length = "", unit, throttle, block] = /^(?:(\d+)([dm]))?(\d+)-(\d+)$/.exec(stage) ?? [];
    if (throttle === undefined || block === undefined) return null;
    drafts.push({ key, length, unit: unit === "m" ? "minutes" : "days", throttle, block });
  }
  return toLadder(drafts);
}
