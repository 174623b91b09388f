/* Says what the field at the cursor is: below the editor as the cursor moves, beside the mouse, and aloud for
   Ctrl-Shift-Space. */
import { EditorView, hoverTooltip, keymap } from "@codemirror/view";

import { announce } from "../announce.js";
import { pathAt } from "./cursor.js";

export function describing(schema, line) {
  return [
    EditorView.updateListener.of((update) => {
      if (update.docChanged || update.selectionSet) show(line, about(schema, update.state, update.state.selection.main.head));
    }),
    hoverTooltip((view, position) => tooltip(about(schema, view.state, position), position)),
    keymap.of([{ key: "Mod-Shift-Space", preventDefault: true, run: (view) => sayAloud(schema, view) }]),
  ];
}

/* The line under the editor; empty where no field is. */
export function fieldLine() {
  const line = document.createElement("p");
  line.className = "editor-field";
  show(line, null);
  return line;
}

function about(schema, state, position) {
  const path = pathAt(state, position);
  const { type, field } = schema.find(path);
  if (!path.length || !type) return null;
  const name = path.map((step) => (typeof step === "number" ? `[${step}]` : step)).join(" › ");
  const fallback = field && field.default !== null && field.type === type ? `default ${field.default}` : "";
  return { name, facts: [schema.says(type), fallback].filter(Boolean).join(", "), doc: field?.doc ?? "" };
}

function show(line, found) {
  line.replaceChildren(...(found ? parts(found) : ["What the field at the cursor is stands here."]));
}

function parts({ name, facts, doc }) {
  const code = Object.assign(document.createElement("code"), { textContent: name });
  return [code, ` ${facts}`, ...(doc ? [Object.assign(document.createElement("span"), { textContent: doc })] : [])];
}

function tooltip(found, position) {
  if (!found) return null;
  const create = () => {
    const dom = document.createElement("div");
    dom.className = "editor-hover";
    dom.append(...parts(found));
    return { dom };
  };
  return { pos: position, above: true, create };
}

function sayAloud(schema, view) {
  const found = about(schema, view.state, view.state.selection.main.head);
  announce(found ? `${found.name}: ${found.facts}. ${found.doc}` : "No field is at the cursor.");
  return true;
}
