/* <details class="menu">: closes on Escape, on a click elsewhere and when the focus leaves it. */
export function menus(root) {
  const close = (except) => {
    for (const menu of root.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  root.addEventListener("click", (event) => close(event.target.closest("details.menu")));
  root.addEventListener("focusin", (event) => close(event.target.closest("details.menu")));
  root.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" ? root.querySelector("details.menu[open]") : null;
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
