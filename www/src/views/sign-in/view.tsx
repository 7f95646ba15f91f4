/** The door: an API key, or what needs none. */
import { useState } from "preact/hooks";
import { useAuth } from "../../lib/auth";
import { href } from "../../lib/router";
import { TextField } from "../../ui/form";
import { Title } from "../../ui/text";

export function SignInView({ refused }: { refused: string | undefined }) {
  const { signIn } = useAuth();
  const [key, setKey] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (key.trim() !== "") signIn(key.trim());
  };
  return (
    <div class="narrow">
      <Title title="Sign in" />
      <p>
        Tidegate reports out-of-date Exchange servers, and says what becomes of their mail and when. Your mail
        operator gives you a key.
      </p>
      <form onSubmit={submit}>
        <TextField
          label="API key"
          hint="It is kept for this tab alone, and forgotten when you sign out or close it."
          error={refused}
          type="password"
          required
          value={key}
          onType={setKey}
        />
        <p class="actions">
          <button type="submit" class="primary">
            Sign in
          </button>
        </p>
      </form>
      <h2>Without a key</h2>
      <ul class="plain">
        <li>
          <a href={href({ view: "check" })}>Check a header</a>: paste a message, or drop a mailbox, and see
          which Exchange servers it came through and whether they are up to date. Nothing leaves your browser.
        </li>
        <li>
          <a href={href({ view: "what-if" })}>What if</a>: see when a server would be throttled and blocked.
        </li>
      </ul>
    </div>
  );
}
