/* <details data-unfold-by="security" data-unfold-for="tls mutual_tls">: unfolded as soon as the field of that name in its
   form has one of these values; the server sends it open where it has one already. What somebody unfolded is not folded
   again, with `data-fold-again` as soon as the field has another value. */
import { all } from "./all.js";

export function unfolding(root) {
  for (const part of all(root, "details[data-unfold-by]")) {
    const choice = part.closest("form")?.elements[part.dataset.unfoldBy];
    if (!choice) continue;
    const needed = () => part.dataset.unfoldFor.split(" ").includes(choice.value);
    // What the browser restored after "back" is not what the server knew.
    if (needed()) part.open = true;
    choice.addEventListener("change", () => {
      if (needed() || "foldAgain" in part.dataset) part.open = needed();
    });
  }
}
