/* Says something to a screen reader, through the page's one live region. */
export function announce(text) {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}
