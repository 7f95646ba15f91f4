import type { ViewProps } from "../app";
import { Title } from "../ui/title";

export function ServerView(_: ViewProps) {
  return <Title title="ServerView" />;
}
