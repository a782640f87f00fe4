// Copies a clip's address, or opens the phone's own menu for sharing.

for (const button of document.querySelectorAll("[data-copy]")) {
  const url = new URL(button.dataset.copy, location.href).href;
  button.hidden = !(navigator.share || navigator.clipboard);
  button.addEventListener("click", async () => {
    if (navigator.share) {
      await navigator.share({ title: document.title, url }).catch(() => {});
      return;
    }
    await navigator.clipboard.writeText(url);
    button.textContent = button.dataset.done;
  });
}
