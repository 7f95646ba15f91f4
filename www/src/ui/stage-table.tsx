/** Stages with their dates. */

import type { Step } from "../domain/steps";
import { rate, wouldBeRate } from "../domain/words";
import { type Column, Table } from "./table";
import { Time } from "./text";

interface Props {
  caption: string;
  steps: Step[];
  /** What is added to a stage in words, such as that the clock stands still in it */
  remark?: (step: Step) => string;
}

export function StageTable({ caption, steps, remark }: Props) {
  const columns: Column<Step>[] = [
    { id: "stage", label: "Stage", head: true, cell: ({ number }) => `Stage ${number}` },
    {
      id: "from",
      label: "From",
      cell: ({ from }) => <Time at={new Date(from).toISOString()} countdown="beside" />,
    },
    {
      id: "rate",
      label: "Its mail",
      cell: ({ minutes, kind }) => (kind === "would" ? wouldBeRate(minutes) : rate(minutes)),
    },
  ];
  if (remark && steps.some((step) => remark(step) !== ""))
    columns.push({ id: "remark", label: "Remark", cell: remark });
  return (
    <Table
      caption={caption}
      columns={columns}
      rows={steps}
      rowKey={({ number, from }) => `${number} ${from}`}
    />
  );
}
