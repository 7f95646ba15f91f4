import type { ViewProps } from "../app";
import { Title } from "../ui/title";

export function FleetView(_: ViewProps) {
  return <Title title="FleetView" />;
}
