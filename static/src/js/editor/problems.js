/* The list of problems below the editor, each a button that leads to its place: like templates/components/problems.html,
   which is what stands there without JavaScript. */
export function problemList(editor) {
  let list = editor?.querySelector(".problems") ?? null;
  return (found) => {
    if (!editor || !(list || found.length)) return;
    if (!list) {
      list = Object.assign(document.createElement("ul"), { className: "problems" });
      list.setAttribute("aria-label", "Problems");
      editor.append(list);
    }
    list.hidden = !found.length;
    list.replaceChildren(...found.map(line));
  };
}

function line({ path, message }) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "link-button" });
  button.dataset.gotoPath = typeof path === "string" ? path : "";
  button.append(Object.assign(document.createElement("code"), { textContent: path || "(the whole event)" }));
  item.append(button, Object.assign(document.createElement("span"), { textContent: message }));
  return item;
}
