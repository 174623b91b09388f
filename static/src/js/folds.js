/* What somebody unfolded, or folded, stays so when htmx brings it anew: every <details> with an id. */
import { all } from "./all.js";

export function keepFolds(root) {
  let open = new Map();
  const remember = (event) => {
    const target = event.detail.target;
    if (!target) return;
    for (const part of all(target, "details[id]")) open.set(part.id, part.open);
  };
  const restore = () => {
    for (const [id, was] of open) {
      const part = document.getElementById(id);
      if (part instanceof HTMLDetailsElement && part.open !== was) part.open = was;
    }
    open = new Map();
  };
  root.addEventListener("htmx:beforeSwap", remember);
  root.addEventListener("htmx:oobBeforeSwap", remember);
  root.addEventListener("htmx:afterSwap", restore);
}
