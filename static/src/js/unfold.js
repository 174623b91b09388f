/* <details open data-unfold-by="security" data-unfold-for="tls mutual_tls">: folded until the field of that name in its
   form has one of these values, and unfolded as soon as it has. What somebody unfolded is not folded again; with
   `data-unfolded` it is never folded by itself, with `data-fold-again` as soon as the field has another value. Without
   JavaScript everything stays open. */
import { all } from "./all.js";

export function unfolding(root) {
  for (const part of all(root, "details[data-unfold-by]")) {
    const choice = part.closest("form")?.elements[part.dataset.unfoldBy];
    if (!choice) continue;
    const needed = () => part.dataset.unfoldFor.split(" ").includes(choice.value);
    part.open = needed() || "unfolded" in part.dataset;
    choice.addEventListener("change", () => {
      if (needed() || "foldAgain" in part.dataset) part.open = needed();
    });
  }
}
