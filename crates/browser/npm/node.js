/** In Node the WebAssembly lies beside this file and is ready at once: no `init()` is needed. */
import { readFileSync } from "node:fs";
import { initSync } from "./tidegate.js";

initSync({ module: readFileSync(new URL("tidegate_bg.wasm", import.meta.url)) });

export * from "./tidegate.js";
export { default } from "./tidegate.js";
