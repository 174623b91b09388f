/* Keys for what the page has buttons for. [data-shortcut="j"] is pressed, or focused where it is a field, by that key;
   [data-chord="s"] by Ctrl or Cmd and it ("Enter" too). In a table [data-shortcut-rows] j and k go from row to row, and x
   ticks one. A single key works outside of fields and dialogs only, and not when it is switched off: see
   templates/components/shortcuts.html. */
import { announce } from "./announce.js";

const STORE = "single-keys";
const FIELDS = "textarea, select, [contenteditable]:not([contenteditable=false]), [role=textbox], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";

const switchedOn = () => localStorage.getItem(STORE) !== "off";

export function shortcuts(root) {
  root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || root.querySelector("dialog[open]")) return;
    if (chord(root, event) || single(root, event)) event.preventDefault();
  });
  root.addEventListener("change", (event) => {
    if (!event.target.matches("[data-shortcut-switch]")) return;
    localStorage.setItem(STORE, event.target.checked ? "on" : "off");
    describe(root);
    announce(event.target.checked ? "Single keys are on." : "Single keys are off.");
  });
  describe(root);
}

/* What htmx brings has its keys too. */
export function describe(root) {
  const on = switchedOn();
  for (const box of root.querySelectorAll("[data-shortcut-switch]")) box.checked = on;
  for (const button of root.querySelectorAll("[data-shortcut-help]")) button.hidden = false;
  for (const element of root.querySelectorAll("[data-shortcut]")) {
    if (on) element.setAttribute("aria-keyshortcuts", element.dataset.shortcut);
    else element.removeAttribute("aria-keyshortcuts");
  }
}

function chord(root, event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return false;
  return press(root.querySelector(`[data-chord="${CSS.escape(event.key)}"]`));
}

function single(root, event) {
  const modified = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (modified || event.repeat || event.key.length !== 1 || !switchedOn() || event.target.closest?.(FIELDS)) return false;
  return row(root, event.key) || press(root.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`));
}

function press(element) {
  if (!element || element.disabled) return false;
  if (element.matches(FIELDS)) {
    element.focus();
    element.select?.();
  } else element.click();
  return true;
}

function row(root, key) {
  const table = root.querySelector("[data-shortcut-rows]");
  if (!table || !"jkx".includes(key)) return false;
  const rows = [...table.querySelectorAll("tbody tr")];
  const at = rows.findIndex((each) => each.contains(document.activeElement));
  if (key === "x") return tick(rows[at]);
  const next = rows[Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), rows.length - 1)];
  next?.querySelector("th a, td a")?.focus();
  return true;
}

function tick(line) {
  const box = line?.querySelector("input[type=checkbox]");
  box?.click();
  return Boolean(box);
}
