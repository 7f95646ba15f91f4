/** What a tenant's id may be, as openapi.json has it. */
const TENANT_ID = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** Why it is no id; undefined where it is one. */
export function refuseTenantId(id: string): string | undefined {
  if (TENANT_ID.test(id)) return undefined;
  if (id.length > 63) return "At most 63 characters.";
  return "Lower-case letters, digits, dots, hyphens and underscores; the first one a letter or digit.";
}
