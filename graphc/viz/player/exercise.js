// Exercises: answers checked, hints, a score, other numbers by their number, and a code that a teacher can check.
let variant = 0;
const spent = new Map(); // question → half points that its answer is still worth

function close(given, truth) {
  if (typeof truth === "boolean") return null;
  truth = Number(truth);
  if (Object.is(given, truth) || given === truth || show(given, data.digits) === show(truth, data.digits)) return true;
  const slack = 0.5 * 10 ** (1 - data.digits); // as exact as what is shown
  return Math.abs(given - truth) <= slack * Math.abs(truth);
}

const asked = all("form.ask");
const tellRule = key => {
  for (const rule of all("[data-rule]")) if (rule.dataset.rule === key) rule.dataset.told = "1";
};
const worth = key => spent.get(key) ?? 2;
const halves = () => asked.reduce((sum, form) => sum + (form.dataset.solved ? worth(form.dataset.key) : 0), 0);

function forget() {
  known.clear();
  spent.clear();
  for (const form of asked) form.reset();
  tellScore();
}

for (const form of asked) {
  const { key, slot } = form.dataset, field = form.querySelector("input"), says = form.querySelector(".says");
  const state = { hints: 0 };
  const tell = (kind, text) => {
    says.className = `says ${kind}`;
    says.textContent = text;
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    if (form.dataset.solved) return;
    const truth = values[slot], text = field.value.trim();
    const right = typeof truth === "boolean" ? text.toLowerCase() === String(truth) : read(text) !== null && close(read(text), truth);
    if (right) {
      known.add(key);
      form.dataset.solved = "1";
    } else {
      tellRule(key);
      spent.set(key, 1);
    }
    tell(right ? "right" : "wrong", right ? say("right") : say("not_yet", say(`hint_${key[0]}`)));
    fill();
    tellScore();
  });
  form.querySelector(".hint").addEventListener("click", () => {
    if (form.dataset.solved) return;
    spent.set(key, 1);
    state.hints++;
    if (state.hints > 1) tellRule(key);
    tell("", state.hints > 1 ? say("hint_rule") : say(`hint_${key[0]}`));
    fill();
  });
  form.querySelector(".reveal").addEventListener("click", () => {
    if (form.dataset.solved) return;
    known.add(key);
    spent.set(key, 0);
    form.dataset.solved = "1";
    tell("", "");
    fill();
    tellScore();
  });
  form.addEventListener("reset", () => {
    delete form.dataset.solved;
    state.hints = 0;
    tell("", "");
    for (const rule of all("[data-told]")) delete rule.dataset.told;
  });
}

// --- other numbers ------------------------------------------------------------------------------------------------------

// The generator mulberry32, and numbers near those of the start that are as short as they are.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function near(value, random, bounds) {
  const decimals = Number.isInteger(value) ? 0 : 1, wide = Math.max(3, Math.abs(value));
  const [low, high] = bounds || [-Infinity, Infinity];
  for (let tries = 0; tries < 20; tries++) {
    const other = Number((value + (2 * random() - 1) * wide).toFixed(decimals));
    if (other !== 0 && other >= low && other <= high && (value > 0 || value === 0 || random() < 0.8 || other < 0)) return other;
  }
  return value;
}

// The numbers of a variant: 0 are the given ones; where any value is not finite others are tried.
function pointOf(number) {
  if (number === 0) return start.slice();
  const random = generator(number * 7919);
  for (let tries = 0; tries < 50; tries++) {
    const point = start.map((value, k) => (data.inputs[k].kind === "f" && !data.inputs[k].array ? near(value, random, data.inputs[k].bounds) : value));
    const found = attempt(point);
    if (found && found.every(value => typeof value !== "number" || (Number.isFinite(value) && Math.abs(value) < 1e6))) return point;
  }
  return start.slice();
}

function setVariant(number) {
  variant = number;
  one("variant").value = number;
  inputs = pointOf(number);
  showInputs();
  forget();
  refresh();
  go(0);
}

// --- the code -----------------------------------------------------------------------------------------------------------

const SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// FNV-1a over the bytes of a text, in 32 bits; source: Fowler, Noll and Vo
function digest(text, begin) {
  let hash = begin >>> 0;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function sealed(text) {
  const parts = [digest(text, 0x811c9dc5), digest(`${text}|`, 0x050c5d1f)];
  return parts.map(part => [0, 5, 10, 15].map(shift => SIGNS[(part >>> shift) & 31]).join("")).join("");
}

const pupil = () => one("pupil").value.trim().replace(/\s+/g, " ").toLowerCase();

function codeNow() {
  const told = `${variant}-${halves()}-${asked.length}`;
  return `G1-${told}-${sealed(`${data.exam}|${pupil()}|${told}`)}`;
}

function tellScore() {
  if (!data.exercise || !one("score")) return;
  const points = halves() / 2, done = asked.filter(form => form.dataset.solved).length;
  one("score").textContent = say("score", String(points), asked.length, done);
  one("code").value = codeNow();
  report(asked.length ? halves() / (2 * asked.length) : 0, done === asked.length);
}

if (data.exercise && one("score")) {
  one("other").addEventListener("click", () => setVariant(variant + 1));
  one("variant").addEventListener("change", () => setVariant(clamp(Math.floor(Number(one("variant").value)) || 0, 0, 99999)));
  one("pupil").addEventListener("input", tellScore);
}
