/* [data-histogram]: bars of time of which one picks a range, by two sliders, by a click or by dragging over the bars.
   The fields `since` and `until` of the form hold what was picked; typing there moves the range. The whole range leaves
   both empty, so that what comes later is taken too. */
import { all } from "./all.js";

const AT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const UNIT = 10;

export function histograms(root) {
  for (const place of all(root, "[data-histogram]")) if (!place.dataset.ready) new Histogram(place);
}

class Histogram {
  constructor(place) {
    place.dataset.ready = "";
    this.form = place.closest("form");
    this.svg = place.querySelector("svg");
    this.groups = [...place.querySelectorAll("g.bar")];
    this.bars = this.groups.map(({ dataset }) => ({
      start: Number(dataset.start),
      end: Number(dataset.end),
      count: Number(dataset.count),
    }));
    this.first = place.querySelector("[data-histogram-first]");
    this.last = place.querySelector("[data-histogram-last]");
    this.from = place.querySelector("[data-histogram-from]");
    this.to = place.querySelector("[data-histogram-to]");
    this.says = place.querySelector("[data-histogram-says]");
    this.range = place.querySelector(".range");
    this.fields = [this.form?.elements.since, this.form?.elements.until];
    if (!this.fields.every(Boolean) || !this.bars.length) return;
    place.querySelector("[data-histogram-pick]").hidden = false;
    this.listen();
    this.follow();
  }

  listen() {
    this.first.addEventListener("input", () => this.pick(+this.first.value, Math.max(+this.first.value, +this.last.value)));
    this.last.addEventListener("input", () => this.pick(Math.min(+this.first.value, +this.last.value), +this.last.value));
    for (const field of this.fields) {
      field.addEventListener("input", (event) => {
        if (this.svg.isConnected && !event.detail?.histogram) this.follow();
      });
    }
    let anchor = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      anchor = this.barAt(event);
      this.svg.setPointerCapture(event.pointerId);
      this.pick(anchor, anchor);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (anchor === null) return;
      const here = this.barAt(event);
      this.pick(Math.min(anchor, here), Math.max(anchor, here));
    });
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, () => (anchor = null));
  }

  barAt(event) {
    const { left, width } = this.svg.getBoundingClientRect();
    const place = Math.floor(((event.clientX - left) / width) * this.bars.length);
    return Math.min(Math.max(place, 0), this.bars.length - 1);
  }

  /* The bars `first` to `last` were picked: fill the fields. */
  pick(first, last) {
    const whole = last === this.bars.length - 1;
    fill(this.fields[0], first === 0 ? "" : typed(this.bars[first].start));
    fill(this.fields[1], whole ? "" : typed(this.bars[last].end));
    this.show(first, last, true);
  }

  /* Something stands in the fields: show the bars that it touches. */
  follow() {
    const [since, until] = this.fields.map((field) => (field.value ? Date.parse(`${field.value}Z`) : NaN));
    const from = Number.isNaN(since) ? -Infinity : since;
    const to = Number.isNaN(until) ? Infinity : until;
    const touched = this.bars.map((bar, n) => (bar.end > from && bar.start < to ? n : -1)).filter((n) => n >= 0);
    if (!touched.length) return this.show(0, -1, true);
    const [first, last] = [touched[0], touched.at(-1)];
    const exact = from <= this.bars[first].start || from === -Infinity;
    this.show(first, last, exact && (to >= this.bars[last].end || to === Infinity));
  }

  tell(slider, beside, text) {
    slider.setAttribute("aria-valuetext", text);
    beside.textContent = text;
  }

  show(first, last, exact) {
    this.groups.forEach((group, n) => group.classList.toggle("out", n < first || n > last));
    this.range.setAttribute("x", first * UNIT);
    this.range.setAttribute("width", Math.max(0, last - first + 1) * UNIT);
    if (last >= first) {
      this.first.value = first;
      this.last.value = last;
      this.tell(this.first, this.from, `from ${said(this.bars[first].start)}`);
      this.tell(this.last, this.to, `before ${said(this.bars[last].end)}`);
    }
    const sum = (bars) => bars.reduce((total, bar) => total + bar.count, 0);
    const [count, total] = [sum(this.bars.slice(first, last + 1)), sum(this.bars)];
    this.says.value = `${exact ? "" : "At most "}${count.toLocaleString()} of ${total.toLocaleString()} offsets in this range.`;
  }
}

const typed = (ms) => new Date(ms).toISOString().slice(0, 19);
const said = (ms) => `${AT.format(ms)} UTC`;

function fill(field, value) {
  if (field.value === value) return;
  field.value = value;
  field.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: { histogram: true } }));
}
