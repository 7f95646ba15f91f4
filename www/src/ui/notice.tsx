/** What stands where content cannot: loading, nothing there, or an error; each says what to do. */
import type { ComponentChildren } from "preact";
import { useAuth } from "../lib/auth";
import { ApiError } from "../lib/http";

export function Loading({ what }: { what: string }) {
  return (
    <p class="notice" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what} …
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice notice-empty">
      <p class="notice-title">{title}</p>
      {children}
    </div>
  );
}

interface FailureProps {
  error: unknown;
  retry?: () => void;
  /** It is being tried */
  busy?: boolean;
  /** Another key may help; by default where the answer says so */
  otherKey?: boolean;
}

export function Failure({ error, retry, busy, otherKey }: FailureProps) {
  const { signOut } = useAuth();
  const { title, advice, refused } = explain(error);
  return (
    <div class="notice notice-error" role="alert">
      <p class="notice-title">{title}</p>
      <p>{advice}</p>
      <p class="actions">
        {retry && (
          <button type="button" onClick={retry} aria-busy={busy}>
            Try again
          </button>
        )}
        {(otherKey || refused) && (
          <button type="button" onClick={signOut}>
            Sign in with another key
          </button>
        )}
      </p>
    </div>
  );
}

/** What happened, and what can be done about it. */
function explain(error: unknown): { title: string; advice: string; refused?: boolean } {
  if (!(error instanceof ApiError)) {
    return {
      title: "The page made a mistake.",
      advice: `Load it again; if that does not help, report this: ${error}`,
    };
  }
  const { status, title, detail } = error;
  switch (status) {
    case 0:
      return {
        title: detail,
        advice: "Check your connection, then try again. Mail is decided on all the same.",
      };
    case 401:
      return {
        title: "Your key is not accepted any more.",
        advice: "It may have been revoked.",
        refused: true,
      };
    case 403:
      return { title: "Your key may not see this.", advice: detail || title, refused: true };
    case 404:
      return { title: "There is nothing here.", advice: detail || "It may have been deleted." };
    default:
      return {
        title: `${title}.`,
        advice: `${detail || "Something of Tidegate's failed."} Mail is decided on all the same. Try again in a minute.`,
      };
  }
}

/** One line on why a change was refused, for forms. */
export function Refusal({ error }: { error: unknown }) {
  if (error === undefined) return null;
  const text =
    error instanceof ApiError
      ? [error.field && `${error.field}:`, error.message].filter(Boolean).join(" ")
      : `${error}`;
  return (
    <p class="refusal" role="alert">
      {text}
    </p>
  );
}
