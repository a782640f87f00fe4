// Renews the list of one's own clips while a clip is waiting or being processed.

const SECONDS = 3;
const list = document.querySelector("[data-poll]");

async function renew() {
  const isBusy = list.querySelector("[data-pending]") && !list.querySelector("details[open]");
  if (document.hidden || !isBusy) return;
  try {
    const answer = await fetch(list.dataset.poll, { headers: { "X-Fragment": "1" } });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return;
    const text = await answer.text();
    if (text !== list.dataset.shown) list.innerHTML = text;
    list.dataset.shown = text;
  } catch {
    // The next turn tries again.
  }
}

setInterval(renew, SECONDS * 1000);
