/* <button data-copy="text"> or <button data-copy-from="id of an element">: copies and says so. */
import { announce } from "./announce.js";

const SHOWN_MS = 1500;

export function copyButtons(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copyFrom ?? "");
    const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
    try {
      await copy(text ?? "");
    } catch {
      announce("The browser refused to copy. Select the text and copy it yourself.");
      return;
    }
    button.dataset.copied = "";
    announce("Copied.");
    setTimeout(() => delete button.dataset.copied, SHOWN_MS);
  });
}

/* The clipboard API exists on HTTPS and localhost only; a console on a plain address falls back to a selection. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!copied) throw new Error("copy refused");
}
