// Renews a part of the page while it is visible: <… data-renew>. An unchanged page costs a 304 without a body.

const SECONDS = 10;
let etag = null;

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (!answer.ok || answer.headers.get("ETag") === etag) return;
    etag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-renew]");
    if (fresh) document.querySelector("[data-renew]").replaceChildren(...fresh.childNodes);
  } catch {
    // The next turn tries again.
  }
}

setInterval(renew, SECONDS * 1000);
document.addEventListener("visibilitychange", renew);
