/* The JSON editor and the difference view; only pages that show an event load it.

   The text is never parsed and written again: a long above 2^53 or a decimal's zeros must survive as they stand. */
import { all } from "./js/all.js";
import { showDifference } from "./js/editor/difference.js";
import { enhanceTextarea } from "./js/editor/textarea.js";

/* CodeMirror writes a style element; the page's policy admits it by this nonce, which the browser hides from CSS. */
const nonce = document.currentScript?.nonce ?? "";

function enhance(root) {
  for (const textarea of all(root, 'textarea[data-editor="json"]')) enhanceTextarea(textarea, nonce);
  for (const pair of all(root, "[data-diff]")) showDifference(pair, nonce);
}

enhance(document);
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) enhance(event.target);
});
