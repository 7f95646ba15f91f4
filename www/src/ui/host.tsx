/** A host's name, which breaks after its dots where it has to. */
export function Host({ name }: { name: string }) {
  return (
    <>
      {name
        .split(/(?<=\.)/)
        .flatMap((label, index) => (index === 0 ? [label] : [<wbr key={`${index}`} />, label]))}
    </>
  );
}
