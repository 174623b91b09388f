/* Where in the JSON the cursor stands: in the name of a field or in a value, and at which path. The text may be broken,
   as it is while one types. */
import { tree } from "./paths.js";

const LITERALS = new Set(["String", "Number", "True", "False", "Null", "PropertyName"]);
const TOKEN = /"?[\w.+-]*$/;

/* {role: "name" | "value", from, to, path, object}: `from` to `to` is what stands there already, `path` leads to the
   object of a name or to the value itself, `object` is the node of the names beside it. null where neither fits. */
export function placeAt(state, position) {
  const { from, to } = tokenAt(state, position);
  const before = state.sliceDoc(Math.max(0, from - 2000), from).trimEnd();
  const at = from - (state.sliceDoc(Math.max(0, from - 2000), from).length - before.length);
  const container = containerAt(state, from);
  switch (before.at(-1)) {
    case "{":
      return name(state, container, from, to);
    case ",":
      return container?.name === "Array" ? item(state, container, from, to) : name(state, container, from, to);
    case "[":
      return item(state, container, from, to);
    case ":":
      return value(state, at, from, to);
    default:
      return null;
  }
}

/* The path of the value, or of the field whose name this is, that the cursor stands in. */
export function pathAt(state, position) {
  let node = tree(state).resolveInner(position, -1);
  if (!LITERALS.has(node.name)) {
    const after = tree(state).resolveInner(position, 1);
    if (LITERALS.has(after.name)) node = after;
  }
  if (node.name === "PropertyName") node = node.parent?.lastChild ?? node;
  while (node && !LITERALS.has(node.name) && !["Object", "Array", "Property", "JsonText"].includes(node.name)) node = node.parent;
  if (node?.name === "Property") node = node.lastChild;
  return node ? pathOf(state, node) : [];
}

/* The names and indexes from the whole text down to a node. */
export function pathOf(state, node) {
  const path = [];
  for (let child = node, parent = node.parent; parent; child = parent, parent = parent.parent) {
    if (parent.name === "Property") path.unshift(nameOf(state, parent));
    if (parent.name === "Array" && isValue(child)) path.unshift(indexIn(parent, child.from));
  }
  return path;
}

export function nameOf(state, property) {
  const key = property.getChild("PropertyName");
  try {
    return key ? JSON.parse(state.sliceDoc(key.from, key.to)) : "";
  } catch {
    return "";
  }
}

function tokenAt(state, position) {
  const node = tree(state).resolveInner(position, -1);
  if (LITERALS.has(node.name) && node.from < position) return { from: node.from, to: node.to };
  const line = state.doc.lineAt(position);
  const written = TOKEN.exec(state.sliceDoc(line.from, position))[0];
  return { from: position - written.length, to: position };
}

function containerAt(state, position) {
  let node = tree(state).resolveInner(position, -1);
  while (node && !["Object", "Array"].includes(node.name)) node = node.parent;
  return node;
}

function name(state, object, from, to) {
  return object?.name === "Object" ? { role: "name", from, to, path: pathOf(state, object), object } : null;
}

function item(state, array, from, to) {
  if (array?.name !== "Array") return null;
  return { role: "value", from, to, path: [...pathOf(state, array), indexIn(array, from)] };
}

function value(state, colon, from, to) {
  let node = tree(state).resolveInner(colon, -1);
  while (node && node.name !== "Property") node = node.parent;
  return node ? { role: "value", from, to, path: [...pathOf(state, node), nameOf(state, node)] } : null;
}

const isValue = (node) => !"[],".includes(node.name) && !node.type.isError;

function indexIn(array, position) {
  let index = 0;
  for (let child = array.firstChild; child && child.from < position; child = child.nextSibling) if (isValue(child)) index += 1;
  return index;
}
