/* Where a path lies in a JSON text, by its syntax tree: `user.roles[2]`, or a list such as ["user", "roles", 2]. */
import { ensureSyntaxTree, syntaxTree } from "@codemirror/language";

const PARSE_MS = 300;
const STEP = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g;

export function tree(state) {
  return ensureSyntaxTree(state, state.doc.length, PARSE_MS) ?? syntaxTree(state);
}

export function steps(path) {
  if (Array.isArray(path)) return path;
  const text = String(path).replace(/^\$\.?/, "");
  return [...text.matchAll(STEP)].map(([, index, quoted, name]) => (index === undefined ? (quoted ?? name) : Number(index)));
}

/* The range {from, to} of the value at the path, or of the deepest part of it that is there. A record's missing field
   is marked at the record's first character. */
export function locate(state, path) {
  let node = tree(state).topNode.firstChild;
  if (!node) return { from: 0, to: 0 };
  for (const step of steps(path)) {
    const next = typeof step === "number" ? element(node, step) : member(state, node, step);
    if (!next) return isContainer(node) ? { from: node.from, to: node.from + 1 } : { from: node.from, to: node.to };
    node = next;
  }
  return isContainer(node) ? { from: node.from, to: node.from + 1 } : { from: node.from, to: node.to };
}

const isContainer = (node) => node.name === "Object" || node.name === "Array";

function member(state, node, name) {
  if (node.name !== "Object") return null;
  for (const property of node.getChildren("Property")) {
    const key = property.getChild("PropertyName");
    if (key && keyText(state.sliceDoc(key.from, key.to)) === name) return property.lastChild;
  }
  return null;
}

function keyText(literal) {
  try {
    return JSON.parse(literal);
  } catch {
    return null;
  }
}

function element(node, index) {
  if (node.name !== "Array") return null;
  let position = 0;
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if ("[],".includes(child.name) || child.type.isError) continue;
    if (position === index) return child;
    position += 1;
  }
  return null;
}
