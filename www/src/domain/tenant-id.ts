/** What an input for a tenant's id takes, as openapi.json has it; around it blanks do no harm. */
export const TENANT_ID = {
  required: true,
  pattern: "\\s*[a-z0-9][a-z0-9._\\-]{0,62}\\s*",
  title:
    "Lower-case letters, digits, dots, hyphens and underscores, 63 at most; the first one a letter or digit",
};
