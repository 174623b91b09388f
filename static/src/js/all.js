/* The elements matching a selector in a subtree, its root included: what htmx swaps in may itself be the element. */
export function all(root, selector) {
  const found = [...root.querySelectorAll(selector)];
  return root instanceof Element && root.matches(selector) ? [root, ...found] : found;
}
