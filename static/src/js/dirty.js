/* <form data-dirty>: the browser asks before edits that were not saved are left behind. */
const changed = new Set();

export function guardUnsaved(root) {
  root.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-dirty]");
    if (!form) return;
    if (hasChanges(form)) changed.add(form);
    else changed.delete(form);
  });
  root.addEventListener("submit", (event) => changed.delete(event.target));
  root.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form[data-dirty]");
    if (form && !event.detail.successful && hasChanges(form)) changed.add(form);
  });
  addEventListener("beforeunload", (event) => {
    if ([...changed].some((form) => form.isConnected)) event.preventDefault();
  });
}

/* A form shown again after a refusal holds text that was never saved, though it equals what the page was sent. */
function hasChanges(form) {
  if (form.dataset.dirty === "unsaved") return true;
  return [...form.elements].some((field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue;
  });
}
