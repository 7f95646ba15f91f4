import type { ViewProps } from "../app";
import type { TenantTab } from "../route";
import { Title } from "../ui/title";

export function TenantView(_: ViewProps & { tenant: string; tab: TenantTab }) {
  return <Title title="TenantView" />;
}
