/* [data-page-title]: the tab's title follows what htmx brings (a job's state); [data-announce] is read out when it
   changes, so that a progress polled each second is not read out each second. */
import { all } from "./all.js";
import { announce } from "./announce.js";

let said = null;

export function followState(root) {
  for (const element of all(root, "[data-page-title]")) document.title = element.dataset.pageTitle;
  for (const element of all(root, "[data-announce]")) {
    if (said !== null && said !== element.dataset.announce) announce(element.dataset.announce);
    said = element.dataset.announce;
  }
}
