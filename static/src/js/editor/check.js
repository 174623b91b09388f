/* Asks the server which problems saving the text would meet. An answer to a text that stands there no more is dropped:
   a newer question ends the one before. */
export function checker(textarea) {
  const url = textarea.dataset.check;
  const token = textarea.form?.elements.csrfmiddlewaretoken?.value;
  if (!url || !token) return null;
  let underway = null;
  return async (text) => {
    underway?.abort();
    underway = new AbortController();
    const body = new URLSearchParams({ outgoing: text });
    try {
      const answer = await fetch(url, { method: "POST", body, headers: { "X-CSRFToken": token }, signal: underway.signal });
      if (!answer.headers.get("Content-Type")?.startsWith("application/json")) return null;
      return await answer.json();
    } catch {
      return null;
    }
  };
}
