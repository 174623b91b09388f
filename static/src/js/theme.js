/* [data-theme-choice="light|dark|auto"]. The cookie lets the server render the right theme at once; localStorage, under
   the name that Django's admin uses too, carries a change to the other tabs. Without JavaScript the system decides. */
import { all } from "./all.js";

const YEAR_SECONDS = 31536000;
const NAMES = ["light", "dark", "auto"];

const current = () => document.documentElement.dataset.theme ?? "auto";

export function themeChoice(root) {
  for (const group of all(root, "[data-theme-group]")) group.hidden = false;
  for (const button of all(root, "[data-theme-choice]")) {
    button.addEventListener("click", () => {
      localStorage.setItem("theme", button.dataset.themeChoice);
      apply(button.dataset.themeChoice);
    });
  }
  mark();
}

addEventListener("storage", (event) => {
  if (event.key === "theme") apply(event.newValue);
});

/* The admin writes localStorage only: a choice made there reaches the cookie here. */
const stored = localStorage.getItem("theme");
if (stored && stored !== current()) apply(stored);

function apply(name) {
  const theme = NAMES.includes(name) ? name : "auto";
  document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax${secure}`;
  mark();
}

function mark() {
  for (const button of all(document, "[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === current()));
  }
}
