/* <time datetime="ISO 8601 with offset" data-local>: shown in the viewer's zone, which it names, UTC on hover. `data-local="date"`
   leaves the time of day out; `data-local="ago"` counts from now and is kept current. */
import { all } from "./all.js";

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const REFRESH_MS = 30000;

export function localTimes(root) {
  for (const element of all(root, "time[data-local]")) show(element);
}

setInterval(() => all(document, 'time[data-local="ago"]').forEach(show), REFRESH_MS);

/* <time data-elapsed="seconds">: goes on counting from what the server said, whatever this machine's clock says. */
export function elapsedTimes(root) {
  for (const element of all(root, "time[data-elapsed]")) began.set(element, performance.now() - element.dataset.elapsed * 1000);
}

const began = new WeakMap();

setInterval(() => {
  for (const element of all(document, "time[data-elapsed]")) {
    if (began.has(element)) element.textContent = duration((performance.now() - began.get(element)) / 1000);
  }
}, 1000);

function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600).toLocaleString("en")} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

function show(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const style = element.dataset.local;
  const utc = `${moment.toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;
  element.textContent = style === "ago" ? ago(moment) : style === "date" ? DATE.format(moment) : MOMENT.format(moment);
  element.title = style === "ago" ? `${MOMENT.format(moment)} (${utc})` : utc;
}

function ago(moment) {
  const seconds = (moment.getTime() - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return AGO.format(Math.trunc(seconds / length), unit);
}
