/** Starts the page. */
import { render } from "preact";
import { App } from "./app";
import { applyTheme, storedTheme } from "./lib/storage";
import "./style/index.css";

applyTheme(storedTheme());
const root = document.getElementById("app");
if (root) render(<App />, root);
