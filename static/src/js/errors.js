/* A request by htmx that failed says so on the page, and a session that ended leads to the login page. */
import { announce } from "./announce.js";

const SAYS = {
  0: ["The server cannot be reached.", "Check the connection and try again."],
  403: ["You may not do this.", "Your role or this page's session does not allow it. Reload the page, or ask an admin."],
  404: ["This is no longer here.", "Somebody may have removed it. Reload the page."],
  500: ["The server met an error of its own.", "It has been logged. Reload the page to see what was done."],
  503: ["A service that the console needs is not there.", "Try again in a moment."],
};
const OTHER = ["The server refused the request.", "Reload the page and try again."];

export function requestErrors(root) {
  root.addEventListener("htmx:beforeSwap", (event) => {
    /* An expected error says itself where its notice goes, and does not replace what the user was looking at. */
    if (event.detail.xhr.getResponseHeader("HX-Retarget")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
    const login = document.body.dataset.loginUrl;
    const url = event.detail.xhr.responseURL;
    if (!login || !url || new URL(url).pathname !== login || location.pathname === login) return;
    event.detail.shouldSwap = false;
    location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
  });
  root.addEventListener("click", (event) => {
    const banner = event.target.closest("[data-dismiss]")?.closest(".banner");
    if (!banner) return;
    banner.remove();
    document.getElementById("main")?.focus({ preventScroll: true });
  });
  root.addEventListener("htmx:responseError", (event) => show(event.detail.xhr.status));
  root.addEventListener("htmx:sendError", () => show(0));
  root.addEventListener("htmx:timeout", () => show(0));
}

/* One notice at a time: a poll that fails every second must not fill the page. */
function show(status) {
  const [title, hint] = SAYS[status] ?? OTHER;
  const notice = document.getElementById("request-error").content.cloneNode(true);
  notice.querySelector(".banner-title").textContent = title;
  notice.querySelector(".banner-hint").textContent = hint;
  document.getElementById("toasts").replaceChildren(notice);
  announce(`${title} ${hint}`);
}
