import type { ViewProps } from "../app";
import { Title } from "../ui/title";

export function WhatIfView(_: ViewProps) {
  return <Title title="WhatIfView" />;
}
