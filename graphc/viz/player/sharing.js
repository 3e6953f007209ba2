// What a lecture needs around the page: large letters, full screen, a black screen, links, pages it stands in, learning platforms.
function hash() {
  const parts = [`step=${step}`];
  data.inputs.forEach((input, number) => {
    if (inputs[number] === start[number]) return;
    const name = encodeURIComponent(input.name);
    if (!input.array) return void (Object.is(inputs[number], start[number]) || parts.push(`${name}=${encodeURIComponent(String(inputs[number]))}`));
    const changed = [];
    inputs[number].forEach((value, cell) => { if (!Object.is(value, start[number][cell])) changed.push(`${cell}:${value}`); });
    if (changed.length && changed.length <= 400) parts.push(`${name}=${changed.join(";")}`);
  });
  if (data.exercise && variant) parts.push(`variant=${variant}`);
  if (language !== first_language) parts.push(`lang=${language}`);
  return `#${[...parts.slice(1), parts[0]].join("&")}`;
}

let remembering = null;

// The address says what is seen; browsers take only so many new ones a second.
function remember(now = false) {
  clearTimeout(remembering);
  const write = () => {
    try {
      history.replaceState(null, "", hash());
    } catch { /* a page within another one has no address of its own */ }
    if (one("link")) one("link").value = location.href;
  };
  if (now) write();
  else remembering = setTimeout(write, 300);
}

function fromHash() {
  const pairs = new Map(location.hash.slice(1).split("&").map(part => part.split("=").map(text => {
    try { return decodeURIComponent(text); } catch { return ""; }
  })));
  const wanted = pairs.get("variant");
  if (data.exercise && /^\d{1,5}$/.test(wanted ?? "")) setVariant(Number(wanted));
  let changed = false;
  data.inputs.forEach((input, number) => {
    const text = pairs.get(input.name);
    if (text === undefined || !compute || data.exercise) return;
    for (const [cell, part] of input.array ? text.split(";").slice(0, 400).map(each => each.split(":")) : [[0, text]]) {
      const value = input.kind === "f" ? read(part ?? "") : input.kind === "b" ? part === "true" || part === "1" : /^-?\d{1,30}$/.test(part ?? "") ? BigInt(part) : null;
      const place = Number(cell);
      if (value === null || (input.array && !(Number.isInteger(place) && place >= 0 && place < inputs[number].length))) continue;
      inputs = withNumber(inputs, number, place, input.array && input.kind !== "f" && !input.array.type.endsWith("64") ? Number(value) : kept(number, value));
      changed = true;
    }
  });
  if (changed) {
    showInputs();
    refresh();
  }
  const found = /^\d{1,6}$/.exec(pairs.get("step") ?? "");
  go(found ? Number(found[0]) : 0, "hash");
}

// --- the lecture hall -----------------------------------------------------------------------------------------------------

function large() {
  const on = document.documentElement.classList.toggle("large");
  one("large").setAttribute("aria-pressed", String(on));
  after();
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

function black() {
  const curtain = one("curtain");
  curtain.hidden = !curtain.hidden;
  if (!curtain.hidden) curtain.focus();
}

one("large").addEventListener("click", large);
one("full").addEventListener("click", full);
one("curtain").addEventListener("click", black);
one("language").addEventListener("change", () => { speak(one("language").value); remember(true); });
for (const button of all("[data-copy]")) {
  button.addEventListener("click", () => {
    const field = one(button.dataset.copy);
    field.select();
    navigator.clipboard?.writeText(field.value).catch(() => {});
  });
}

// --- pages around this one --------------------------------------------------------------------------------------------------

if (window.parent !== window) {
  document.body.classList.add("inside");
  new ResizeObserver(() => {
    window.parent.postMessage({ type: "graphc:size", height: Math.ceil(document.documentElement.getBoundingClientRect().height) }, "*");
  }).observe(document.documentElement);
}

// SCORM 1.2: the object `API` of a learning platform stands in a window around this one.
function platform() {
  let place = window;
  try {
    for (let depth = 0; depth < 12; depth++) {
      if (place.API) return place.API;
      if (place.parent === place) return place.opener?.API ?? null;
      place = place.parent;
    }
  } catch { /* a window of another origin is none of ours */ }
  return null;
}

const api = platform();
let reported = "";

function report(share, done) {
  if (!api) return;
  const status = done ? (data.exercise && share < 0.5 ? "failed" : data.exercise ? "passed" : "completed") : "incomplete";
  const told = `${status} ${Math.round(100 * share)}`;
  if (told === reported || reported.startsWith("completed")) return;
  reported = told;
  if (data.exercise) {
    api.LMSSetValue("cmi.core.score.min", "0");
    api.LMSSetValue("cmi.core.score.max", "100");
    api.LMSSetValue("cmi.core.score.raw", String(Math.round(100 * share)));
  }
  api.LMSSetValue("cmi.core.lesson_status", status);
  api.LMSCommit("");
}

if (api) {
  api.LMSInitialize("");
  if (one("pupil")) one("pupil").value = api.LMSGetValue("cmi.core.student_name") || "";
  addEventListener("pagehide", () => api.LMSFinish(""));
}
