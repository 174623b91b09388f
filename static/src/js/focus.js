/* htmx keeps the focus of an element with an id. This does it for the rest: the same name, link or label again, else
   the place that was swapped, so that the keyboard never falls back to the top of the page. */
export function keepFocus(root) {
  let lost = null;
  root.addEventListener("htmx:beforeSwap", (event) => {
    const focused = document.activeElement;
    lost = event.detail.target?.contains(focused) && focused !== document.body
      ? { find: finder(focused), target: event.detail.target }
      : null;
  });
  root.addEventListener("htmx:afterSwap", () => {
    if (!lost || (document.activeElement && document.activeElement !== document.body)) return;
    const { find, target } = lost;
    lost = null;
    const place = target.isConnected ? target : document.getElementById(target.id);
    if (!place) return;
    const again = find(place) ?? place;
    if (again === place && !place.hasAttribute("tabindex")) place.tabIndex = -1;
    again.focus({ preventScroll: true });
  });
}

function finder(element) {
  const wanted = marks(element);
  const tag = element.localName;
  const text = element.textContent.trim();
  return (place) =>
    wanted.map((selector) => place.querySelector(selector)).find(Boolean) ??
    (text && [...place.querySelectorAll(tag)].find((other) => other.textContent.trim() === text));
}

function marks(element) {
  const tag = element.localName;
  return ["id", "data-focus", "name", "href", "aria-label"]
    .filter((name) => element.getAttribute(name))
    .map((name) => {
      const value = element.getAttribute("value");
      const exact = name === "name" && value && element.type !== "text" ? `[value="${CSS.escape(value)}"]` : "";
      return `${tag}[${name}="${CSS.escape(element.getAttribute(name))}"]${exact}`;
    });
}
