/* <textarea data-editor="json">: CodeMirror over a textarea that stays the form's field and holds the same text.

   data-problems="id"   a JSON script element: [{"path": "user.roles[2]", "message": "..."}]
   data-original="id"   an element whose text is the original: shown on the left, differences marked
   data-schema="id"     a JSON script element with the text's schema: see schema.js
   data-check="url"     where to ask which problems saving would meet: see check.js
   readonly             read-only, as on any textarea */
import { lintGutter } from "@codemirror/lint";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

import { checker } from "./check.js";
import { proposals } from "./complete.js";
import { describing, fieldLine } from "./describe.js";
import { lint } from "./lint.js";
import { locate } from "./paths.js";
import { problemList } from "./problems.js";
import { schemaOf } from "./schema.js";
import { FOLDED, MERGE, readOnly, shared } from "./setup.js";

const SIDE_BY_SIDE = "(min-width: 56rem)";

export function enhanceTextarea(textarea, nonce) {
  const original = document.getElementById(textarea.dataset.original ?? "");
  const label = textarea.labels?.[0]?.textContent.trim() ?? textarea.getAttribute("aria-label") ?? "JSON";
  const frame = document.createElement("div");
  frame.className = "editor-frame";
  const schema = schemaOf(textarea);
  const status = statusLine(textarea.readOnly, schema);
  const about = schema ? fieldLine() : null;
  textarea.after(frame, ...(about ? [about] : []), status.element);
  const extensions = [
    keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => submit(textarea) },
      { key: "Mod-Enter", run: () => press(textarea.form?.querySelector("[data-chord=Enter]")) },
    ]),
    shared(nonce, label),
    ...(schema ? [describing(schema, about)] : []),
    ...(textarea.readOnly ? [readOnly] : [writing(textarea, schema, frame, status), keepInSync(textarea)]),
  ];
  const view = build(frame, textarea, original?.textContent, extensions, nonce);
  if (original) (original.closest("[data-original-fallback]") ?? original).hidden = true;
  textarea.hidden = true;
  followTextarea(textarea, view);
  labelFocuses(textarea, view);
  goToPaths(textarea, view);
  if (textarea.autofocus || textarea === document.activeElement) view.focus();
}

function writing(textarea, schema, frame, status) {
  const check = checker(textarea);
  const list = problemList(textarea.closest(".editor"));
  const version = textarea.form?.elements.version?.value;
  const marks = lint(textarea.value, problemsOf(textarea), check, (found, state, said, answer) => {
    report(frame, status, found, state, { checked: Boolean(check), said, moved: answer && String(answer.version) !== version });
    if (check) list(said ?? []);
  });
  return [lintGutter(), marks, ...(schema ? [proposals(schema)] : [])];
}

function build(frame, textarea, original, extensions, nonce) {
  if (original === undefined) {
    return new EditorView({ parent: frame, doc: textarea.value, extensions });
  }
  const merge = textarea.readOnly ? FOLDED : MERGE;
  if (!matchMedia(SIDE_BY_SIDE).matches) {
    const merged = unifiedMergeView({ original, mergeControls: false, gutter: true, ...merge });
    return new EditorView({ parent: frame, doc: textarea.value, extensions: [extensions, merged] });
  }
  frame.append(heads("Original", textarea.readOnly ? "Outgoing" : "Outgoing (editable)"));
  return new MergeView({
    parent: frame,
    a: { doc: original, extensions: [shared(nonce, "Original"), readOnly] },
    b: { doc: textarea.value, extensions },
    revertControls: textarea.readOnly ? undefined : "a-to-b",
    ...merge,
  }).b;
}

function heads(...titles) {
  const line = document.createElement("div");
  line.className = "editor-heads";
  line.append(...titles.map((title) => Object.assign(document.createElement("div"), { textContent: title })));
  return line;
}

function keepInSync(textarea) {
  return EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    textarea.value = update.state.doc.toString();
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/* The other way round: the form was reset. */
function followTextarea(textarea, view) {
  textarea.form?.addEventListener("reset", () => setTimeout(() => {
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: textarea.value } });
  }));
}

function submit(textarea) {
  if (textarea.form && !textarea.readOnly) textarea.form.requestSubmit();
  return true;
}

function press(button) {
  button?.click();
  return Boolean(button);
}

function problemsOf(textarea) {
  const script = document.getElementById(textarea.dataset.problems ?? "");
  return script ? JSON.parse(script.textContent) : [];
}

function labelFocuses(textarea, view) {
  for (const label of textarea.labels ?? []) label.addEventListener("click", () => view.focus());
}

/* A button of the server's list of problems: <button type="button" data-goto-path="user.roles[2]">. */
function goToPaths(textarea, view) {
  const scope = textarea.closest(".editor") ?? textarea.form ?? document;
  scope.addEventListener("click", (event) => {
    const button = event.target.closest("[data-goto-path]");
    if (!button) return;
    const { from, to } = locate(view.state, button.dataset.gotoPath);
    view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    view.focus();
  });
}

function statusLine(readOnly, schema) {
  const element = document.createElement("div");
  element.className = "editor-status";
  const state = Object.assign(document.createElement("span"), { role: "status" });
  const says = readOnly
    ? ["Read-only.", "Ctrl-F finds"]
    : ["Ctrl-S saves", "Ctrl-F finds", "Ctrl-Z undoes", ...(schema ? ["Ctrl-Space proposes"] : [])];
  if (schema) says.push("Ctrl-Shift-Space says what the field is");
  const text = `${says.join(", ").replace("Read-only.,", "Read-only.")}.`;
  const keys = Object.assign(document.createElement("span"), { textContent: text });
  element.append(state, keys);
  return { element, state };
}

function report(frame, status, found, editorState, { checked, said, moved }) {
  frame.toggleAttribute("data-invalid", found.length > 0);
  if (found.length) status.state.dataset.tone = "danger";
  else delete status.state.dataset.tone;
  const text = found.length ? first(found, editorState) : fits(checked, said, moved);
  if (status.state.textContent !== text) status.state.textContent = text;
}

function first(found, state) {
  const more = found.length > 1 ? ` And ${found.length - 1} more.` : "";
  return `Line ${state.doc.lineAt(found[0].from).number}: ${found[0].message}${more}`;
}

function fits(checked, said, moved) {
  if (!checked) return "Valid JSON";
  if (moved) return "Somebody changed this event meanwhile: saving shows both.";
  return said ? "Valid JSON that fits the schema" : "Valid JSON. The server did not answer whether it fits the schema: saving checks it.";
}
