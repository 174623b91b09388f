/* The console's header in Django's admin. Not deferred: a theme that was chosen is there before the first paint. */
import { menus } from "./js/menu.js";
import { themeChoice } from "./js/theme.js";

document.addEventListener("DOMContentLoaded", () => {
  menus(document);
  themeChoice(document);
});
