/* <input data-confirm="sit">: the submit buttons of its form marked [data-confirm-needed] stay off until that name has
   been typed. The server checks it again. */
import { all } from "./all.js";

export function confirmTyping(root) {
  for (const input of all(root, "input[data-confirm]")) {
    const check = () => {
      const typed = input.value.trim() === input.dataset.confirm;
      for (const button of input.form?.querySelectorAll("[data-confirm-needed]") ?? []) button.disabled = !typed;
    };
    input.addEventListener("input", check);
    check();
  }
}
