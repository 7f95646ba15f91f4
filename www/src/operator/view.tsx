import type { ViewProps } from "../app";
import { Title } from "../ui/title";

export function OperatorView(_: ViewProps) {
  return <Title title="OperatorView" />;
}
