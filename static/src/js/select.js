/* <form data-select>: [data-select-all] ticks all [data-select-row], Shift extends a range, [data-select-count] says
   how many, and buttons marked [data-select-needed] are off while nothing is ticked. */
import { all } from "./all.js";

export function rowSelection(root) {
  const forms = new Set(all(root, "form[data-select]"));
  const around = root instanceof Element ? root.closest("form[data-select]") : null;
  if (around) forms.add(around);
  for (const form of forms) {
    if (!form.dataset.selectReady) listen(form);
    update(form);
  }
}

/* The page asked for all that match the filter, not only the rows in view. */
const everything = (form) => form.querySelector("[data-select-everything]")?.checked ?? false;
const rows = (form) => [...form.querySelectorAll("input[data-select-row]:not(:disabled)")];

function listen(form) {
  form.dataset.selectReady = "";
  let last = null;
  form.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
    if (box.matches("[data-select-all]")) for (const row of rows(form)) row.checked = box.checked;
    if (box.matches("[data-select-row]")) {
      if (event.shiftKey && last) range(rows(form), last, box);
      last = box;
    }
    update(form);
  });
  form.addEventListener("reset", () => setTimeout(() => update(form)));
}

function range(boxes, from, to) {
  const ends = [boxes.indexOf(from), boxes.indexOf(to)].sort((a, b) => a - b);
  if (ends[0] < 0) return;
  for (const box of boxes.slice(ends[0], ends[1] + 1)) box.checked = to.checked;
}

function update(form) {
  const boxes = rows(form);
  const ticked = boxes.filter((box) => box.checked).length;
  const whole = everything(form);
  for (const head of form.querySelectorAll("[data-select-all]")) {
    head.checked = ticked > 0 && ticked === boxes.length;
    head.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  for (const count of form.querySelectorAll("[data-select-count]")) {
    count.textContent = whole ? (count.dataset.everything ?? "all") : ticked.toLocaleString();
  }
  for (const button of form.querySelectorAll("[data-select-needed]")) button.disabled = !whole && ticked === 0;
}
