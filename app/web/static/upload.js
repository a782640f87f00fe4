// Checks a clip as far as the browser can read it, then sends it with progress.
// A broken connection is tried again with the same key, so that it never becomes a second clip.

const form = document.querySelector("form.upload");
const say = form.dataset;
const input = form.querySelector("input[type=file]");
const drop = form.querySelector(".drop");
const status = form.querySelector("[data-status]");
const bar = form.querySelector("progress");
const button = form.querySelector("button");

const LONGEST_WAIT_SECONDS = 30;
const MOST_TRIES = 30;
const READ_SECONDS = 4;
let isSending = false;

form.querySelector("[data-without-scripts]").hidden = true;

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function show(sentence, { isProblem = false } = {}) {
  form.querySelector(".problem[role=alert]")?.remove();
  status.textContent = sentence;
  status.classList.toggle("problem", isProblem);
}

function number(value, digits = 0) {
  return value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });
}

function duration(seconds) {
  return seconds < 90 ? `${number(Math.ceil(seconds))} s` : `${number(Math.ceil(seconds / 60))} min`;
}

// Returns length and size of the picture, or null if this browser cannot decode the clip.
function read(file) {
  return new Promise((resolve) => {
    const video = document.createElement("video");
    const finish = (found) => {
      URL.revokeObjectURL(video.src);
      resolve(found);
    };
    video.preload = "metadata";
    video.onloadedmetadata = () =>
      finish(video.videoWidth ? { seconds: video.duration, sides: [video.videoWidth, video.videoHeight] } : null);
    video.onerror = () => finish(null);
    setTimeout(finish, READ_SECONDS * 1000, null);
    video.src = URL.createObjectURL(file);
  });
}

// Returns what is wrong with a clip, or an empty text.
async function problemOf(file) {
  if (file.type && file.type !== "video/mp4" && !/\.mp4$/i.test(file.name)) return say.sayType;
  if (file.size === 0) return say.sayEmpty;
  if (file.size > Number(say.maxBytes)) return fill(say.saySize, { found: number(file.size / 1048576) });
  const found = await read(file);
  if (!found) return "";
  if (found.seconds < Number(say.minSeconds) || found.seconds > Number(say.maxSeconds)) {
    return fill(say.sayLength, { found: number(found.seconds, 1) });
  }
  const [short, long] = [...found.sides].sort((one, other) => one - other);
  if (short < Number(say.minShort) || long < Number(say.minLong)) {
    return fill(say.sayPicture, { found: found.sides.join(" × ") });
  }
  return "";
}

function sendOnce(data) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const began = performance.now();
    request.open("POST", form.action);
    request.setRequestHeader("X-Fragment", "1");
    request.upload.onprogress = ({ loaded, total }) => {
      const speed = loaded / ((performance.now() - began) / 1000);
      bar.value = loaded / total;
      const values = {
        percent: (loaded / total).toLocaleString(document.documentElement.lang, { style: "percent" }),
        speed: number(speed / 1e6, 1),
        left: duration((total - loaded) / speed),
      };
      show(loaded < total ? fill(say.saySending, values) : say.sayChecking);
    };
    request.onload = () => resolve(request);
    request.onerror = () => resolve(null);
    request.send(data);
  });
}

async function isUnchanged(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function pause(seconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    addEventListener("online", resolve, { once: true });
  });
}

async function send(file) {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const answer = await sendOnce(new FormData(form));
    if (answer && answer.status !== 503) return answer;
    if (!(await isUnchanged(file))) return null;
    const seconds = Number(answer?.getResponseHeader("Retry-After")) || Math.min(2 ** (tries + 1), LONGEST_WAIT_SECONDS);
    show(fill(say.sayRetry, { seconds }), { isProblem: true });
    await pause(seconds);
  }
  return null;
}

async function upload() {
  const file = input.files[0];
  const problem = await problemOf(file);
  if (problem) return show(problem, { isProblem: true });
  bar.hidden = false;
  const answer = await send(file);
  bar.hidden = true;
  if (answer?.status === 201) {
    isSending = false;
    return location.assign(answer.getResponseHeader("Location"));
  }
  if (answer?.status === 401) return show(say.saySignedOut, { isProblem: true });
  if (answer?.status === 429) return show(say.sayTooMany, { isProblem: true });
  if (!answer) return show((await isUnchanged(file)) ? say.sayGone : say.sayChanged, { isProblem: true });
  const page = new DOMParser().parseFromString(answer.responseText, "text/html");
  return show(page.querySelector(".problem")?.textContent ?? say.sayGone, { isProblem: true });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isSending) return;
  isSending = button.disabled = true;
  await upload();
  isSending = button.disabled = false;
});

input.addEventListener("change", async () => {
  const file = input.files[0];
  if (!file) return;
  form.querySelector("[data-file]").textContent = file.name;
  show(await problemOf(file), { isProblem: true });
});

for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
  });
}
drop.addEventListener("drop", ({ dataTransfer }) => {
  if (!dataTransfer.files.length || isSending) return;
  input.files = dataTransfer.files;
  input.dispatchEvent(new Event("change"));
});
addEventListener("beforeunload", (event) => isSending && event.preventDefault());
