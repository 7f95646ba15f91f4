import type { ViewProps } from "../app";
import { Title } from "../ui/title";

export function CheckView(_: ViewProps) {
  return <Title title="CheckView" />;
}
