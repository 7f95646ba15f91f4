/** The engine in WebAssembly, fetched where it is first used. */
import wasm from "engine.wasm";
import init, * as engine from "../../../pkg/tidegate";

export type Engine = typeof engine;

let loading: Promise<Engine> | undefined;

/** Rejects when it cannot be fetched; another call tries again. */
export function loadEngine(): Promise<Engine> {
  loading ??= init({ module_or_path: new URL(wasm, import.meta.url) }).then(
    () => engine,
    (error) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}
