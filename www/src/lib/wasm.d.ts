/** The engine in WebAssembly, bundled as a file of its own: what is imported is its address (build.mjs). */
declare module "engine.wasm" {
  const address: string;
  export default address;
}
