// Loads the personal parts of a page, which is itself the same for everybody: <… data-fragment="/address">.
// A form inside such a part is sent without leaving the page, and the response replaces the part.

const HEADERS = { "X-Fragment": "1" };
const OFFLINE = document.body.dataset.offline;

async function load(part) {
  try {
    const answer = await fetch(part.dataset.fragment, { headers: HEADERS });
    if (answer.ok) part.innerHTML = await answer.text();
  } catch {
    // The part keeps the content that is the same for everybody, which works without this script.
  }
}

function say(part, sentence) {
  part.querySelector(".problem")?.remove();
  const line = document.createElement("p");
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = sentence;
  part.append(line);
}

async function send(form, part) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", headers: HEADERS });
    if (answer.status === 401 && part.dataset.signin) {
      location.assign(part.dataset.signin);
      return;
    }
    const text = await answer.text();
    if (answer.ok) {
      part.innerHTML = text;
      part.querySelector("button")?.focus();
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    say(part, page.querySelector(".problem")?.textContent ?? OFFLINE);
  } catch {
    say(part, OFFLINE);
  }
  button.disabled = false;
}

const parts = document.querySelectorAll("[data-fragment]");
parts.forEach(load);
document.addEventListener("submit", (event) => {
  const part = event.target.closest("[data-fragment]");
  if (!part) return;
  event.preventDefault();
  send(event.target, part);
});
// The back button may show a page as it was before a vote or a sign-out.
addEventListener("pageshow", (event) => event.persisted && parts.forEach(load));
