/** The whole page as a target for files. */
import { useEffect, useState } from "preact/hooks";

interface Props {
  onFile: (file: File) => void;
  /** Something was dropped that is not one file */
  onOther: (advice: string) => void;
}

export function DropTarget({ onFile, onOther }: Props) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    const on = (type: "dragenter" | "dragover" | "dragleave" | "drop", act: (event: DragEvent) => void) =>
      addEventListener(type, act, { signal: abort.signal });
    const follow = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setOver(true);
    };
    on("dragenter", follow);
    on("dragover", follow);
    on("dragleave", (event) => {
      // between two elements of the page there is another one to go to
      if (event.relatedTarget === null) setOver(false);
    });
    on("drop", (event) => {
      setOver(false);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      const [item, ...more] = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
      const file = item?.getAsFile();
      if (more.length > 0) onOther("Drop one file at a time.");
      else if (!file || item?.webkitGetAsEntry()?.isDirectory)
        onOther("That is a folder: drop a file of it.");
      else onFile(file);
    });
    return () => abort.abort();
  }, [onFile, onOther]);
  if (!over) return null;
  return (
    <div class="drop-target">
      <p>Drop the file to check it. It stays on this computer.</p>
    </div>
  );
}
