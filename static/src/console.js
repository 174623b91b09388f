/* What every page carries. Each module enhances markup that works without it; `enhance` runs on what htmx brings too. */
import { confirmTyping } from "./js/confirm.js";
import { copyButtons } from "./js/copy.js";
import { dialogs } from "./js/dialog.js";
import { guardUnsaved } from "./js/dirty.js";
import { keepFocus } from "./js/focus.js";
import { keepFolds } from "./js/folds.js";
import { histograms } from "./js/histogram.js";
import { menus } from "./js/menu.js";
import { requestErrors } from "./js/errors.js";
import { rowSelection } from "./js/select.js";
import { describe, shortcuts } from "./js/shortcuts.js";
import { themeChoice } from "./js/theme.js";
import { elapsedTimes, localTimes } from "./js/time.js";
import { followState } from "./js/title.js";
import { unfolding } from "./js/unfold.js";

copyButtons(document);
dialogs(document);
guardUnsaved(document);
keepFocus(document);
keepFolds(document);
menus(document);
requestErrors(document);
shortcuts(document);

function enhance(root) {
  confirmTyping(root);
  elapsedTimes(root);
  followState(root);
  histograms(root);
  localTimes(root);
  rowSelection(root);
  themeChoice(root);
  unfolding(root);
}

enhance(document);
document.addEventListener("htmx:load", (event) => {
  if (event.target === document.body) return;
  enhance(event.target);
  describe(event.target);
});
