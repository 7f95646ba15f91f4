/**
 * Holds requests and answers to www/openapi.json.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

export const FILE = new URL("../../www/openapi.json", import.meta.url);

/** @type {any} */
export const DOCUMENT = JSON.parse(readFileSync(FILE, "utf8"));

const METHODS = ["get", "put", "post", "patch", "delete"];
const SCHEMAS = "#/components/schemas/";

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
formats.default(ajv);
ajv.addSchema(local({ $id: "document", $defs: DOCUMENT.components.schemas }));

/**
 * @typedef {object} Described
 * @property {string} method
 * @property {string} path
 * @property {any} operation
 * @property {any[]} parameters those of its path included
 */

/** @type {Map<string, Described>} the operations by id */
export const DESCRIBED = new Map(
  Object.entries(DOCUMENT.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
      return [operation.operationId, { method: method.toUpperCase(), path, operation, parameters }];
    }),
  ),
);

/** @param {string} id of an operation @returns {number[]} */
export function declaredStatuses(id) {
  return Object.keys(described(id).operation.responses).map(Number);
}

/**
 * Fails unless the document declares this answer, as it came, to the last member.
 * @param {string} id of an operation
 * @param {import("../support/client.mjs").Answer} answer
 */
export function assertDeclared(id, answer) {
  const { status, headers, text } = answer;
  const what = `${id}: ${status} ${text.slice(0, 2_000)}`;
  const response = resolve(described(id).operation.responses[status]);
  assert.ok(response, `a status that is not declared: ${what}`);
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    const { required, schema } = resolve(header);
    const value = headers.get(name);
    if (value === null) assert.ok(!required, `without the header ${name}: ${what}`);
    else assertValid(schema, value, `the header ${name} of ${what}`);
  }
  const mediaType = headers.get("content-type")?.split(";")[0] ?? null;
  if (!response.content) {
    assert.deepEqual([text, mediaType], ["", null], `a body where none is declared: ${what}`);
    return;
  }
  const declared = response.content[mediaType ?? ""];
  assert.ok(declared, `not declared as ${mediaType}: ${what}`);
  if (mediaType === "application/x-ndjson") {
    const { items } = response.content["application/json"].schema;
    for (const line of text.split("\n").filter((line) => line !== "")) {
      assertValid(items, JSON.parse(line), `a line of ${what}`);
    }
  } else {
    assertValid(declared.schema, answer.json ?? text, what);
  }
  if (mediaType === "application/problem+json") assert.equal(answer.json.status, status, what);
}

/**
 * Fails unless a client that goes by the document would send this.
 * @param {string} id of an operation
 * @param {{ path: string, body?: unknown, headers?: Record<string, string> }} call
 */
export function assertCallable(id, { path, body, headers = {} }) {
  const { path: template, operation, parameters } = described(id);
  const url = new URL(path, "http://worker");
  const written = url.pathname.split("/").slice(1);
  const names = template.split("/").slice(1);
  assert.equal(written.length, names.length, `${path} is no ${template}`);
  const given = [
    ...names.flatMap((name, index) => {
      if (name.startsWith("{")) return [["path", name.slice(1, -1), decodeURIComponent(written[index])]];
      assert.equal(written[index], name, `${path} is no ${template}`);
      return [];
    }),
    ...[...url.searchParams].map(([name, value]) => ["query", name, value]),
    ...Object.entries(headers)
      .filter(([name]) => !["accept", "content-type", "authorization"].includes(name.toLowerCase()))
      .map(([name, value]) => ["header", name.toLowerCase(), value]),
  ];
  for (const [place, name, value] of given) {
    const parameter = parameters.find(
      (known) => known.in === place && (place === "header" ? known.name.toLowerCase() : known.name) === name,
    );
    assert.ok(parameter, `${id} declares no ${place} parameter ${name}`);
    const isText = !["integer", "boolean"].includes(targetOf(parameter.schema).type);
    assertValid(parameter.schema, isText ? value : parsed(value), `${id}, ${name}=${value}`);
  }
  const sent = resolve(operation.requestBody);
  if (body === undefined) {
    assert.ok(!sent?.required, `${id} asks for a body`);
  } else {
    assert.ok(sent, `${id} declares no body`);
    if (typeof body !== "string") {
      assertValid(sent.content["application/json"].schema, body, `${id}, body ${JSON.stringify(body)}`);
    }
  }
}

/**
 * Whether `value` is what the schema of that name describes.
 * @param {string} name
 * @param {unknown} value
 */
export function isValid(name, value) {
  return ajv.validate({ $ref: `document#/$defs/${name}` }, value);
}

/** Where, in answers, an object may have members that the document does not name. */
export function openObjects() {
  /** @type {Set<string>} */
  const open = new Set();
  const seen = new Set();
  /** @param {any} schema @param {string} place */
  const walk = (schema, place) => {
    if (typeof schema !== "object" || schema === null || seen.has(schema)) return;
    seen.add(schema);
    if (schema.$ref) walk(targetOf(schema), schema.$ref);
    const isObject = schema.properties || [schema.type].flat().includes("object");
    const isMap = !schema.properties && typeof schema.additionalProperties === "object";
    if (isObject && schema.additionalProperties !== false && !isMap) open.add(place);
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      walk(property, `${place}/${name}`);
    for (const name of ["items", "additionalProperties", "not"]) walk(schema[name], `${place}/${name}`);
    for (const name of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
      for (const part of schema[name] ?? []) walk(part, `${place}/${name}`);
    }
  };
  for (const [id, { operation }] of DESCRIBED) {
    for (const [status, response] of Object.entries(operation.responses)) {
      for (const { schema } of Object.values(resolve(response).content ?? {}))
        walk(schema, `${id} ${status}`);
    }
  }
  return [...open];
}

/** A number or a boolean as it stands in an address; text where it is neither. @param {string} value */
function parsed(value) {
  return /^(-?\d+|true|false)$/.test(value) ? JSON.parse(value) : value;
}

/** @param {string} id @returns {Described} */
function described(id) {
  const found = DESCRIBED.get(id);
  assert.ok(found, `the document has no operation ${id}`);
  return found;
}

/**
 * @param {any} schema
 * @param {unknown} value
 * @param {string} what
 */
function assertValid(schema, value, what) {
  const validate = compiled(schema);
  if (!validate(value)) assert.fail(`${what}\n${ajv.errorsText(validate.errors, { separator: "\n" })}`);
}

/** @type {Map<object, import("ajv").ValidateFunction>} */
const COMPILED = new Map();

/** @param {object} schema */
function compiled(schema) {
  const known = COMPILED.get(schema) ?? ajv.compile(local(schema));
  COMPILED.set(schema, known);
  return known;
}

/** The same schema for a validator that knows the document's schemas alone. @param {object} schema */
function local(schema) {
  return JSON.parse(JSON.stringify(schema).replaceAll(`"${SCHEMAS}`, '"document#/$defs/'));
}

/** What stands in place of a reference. @param {any} value @returns {any} */
function resolve(value) {
  if (value?.$ref === undefined) return value;
  return value.$ref
    .slice(2)
    .split("/")
    .reduce((/** @type {any} */ at, /** @type {string} */ name) => at[name], DOCUMENT);
}

/** @param {any} schema @returns {any} */
function targetOf(schema) {
  return schema.$ref ? targetOf(resolve(schema)) : schema;
}
