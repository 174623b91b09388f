/* <div data-diff> with two <pre>, [data-diff-original] and [data-diff-outgoing]: side by side, differences marked. */
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorView } from "@codemirror/view";

import { FOLDED, readOnly, shared } from "./setup.js";

const SIDE_BY_SIDE = "(min-width: 56rem)";

export function showDifference(pair, nonce) {
  const original = pair.querySelector("[data-diff-original]").textContent;
  const outgoing = pair.querySelector("[data-diff-outgoing]").textContent;
  const frame = document.createElement("div");
  frame.className = "editor-frame";
  for (const part of pair.children) part.hidden = true;
  pair.append(frame);
  if (matchMedia(SIDE_BY_SIDE).matches) {
    new MergeView({
      parent: frame,
      a: { doc: original, extensions: [shared(nonce, "Original"), readOnly] },
      b: { doc: outgoing, extensions: [shared(nonce, "Outgoing"), readOnly] },
      ...FOLDED,
    });
    return;
  }
  const merged = unifiedMergeView({ original, mergeControls: false, ...FOLDED });
  new EditorView({ parent: frame, doc: outgoing, extensions: [shared(nonce, "Outgoing"), readOnly, merged] });
}
