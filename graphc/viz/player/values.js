// What the page knows: the inputs, the values computed from them, and the places that show these.
const data = JSON.parse(document.getElementById("data").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = id => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const known = new Set();

const KINDS = {
  float64: Float64Array, float32: Float32Array, bool: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array,
  int64: BigInt64Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
};
const unpacked = ({ type, bytes }) => new KINDS[type](Uint8Array.from(atob(bytes), sign => sign.charCodeAt(0)).buffer);

function held(input) {
  if (input.array) return unpacked(input.array);
  if (input.kind === "b") return input.value === true || input.value === "True";
  if (input.kind !== "f") return BigInt(input.value);
  return read(input.value);
}

let inputs = data.inputs.map(held), values = null;
const fixed = Object.fromEntries(Object.entries(data.fixed).map(([slot, array]) => [slot, unpacked(array)]));
const start = inputs.slice();

// Computes all values anew; where that is refused, as for a matrix without an inverse, the last ones are kept.
function evaluate() {
  if (!compute) return;
  try {
    values = compute(inputs.slice());
    problem("");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problem(error.message);
  }
}

function problem(text) {
  const place = one("message");
  if (place) place.textContent = text;
}

const inputOf = new Map(data.inputs.flatMap((input, number) => (input.array ? [[input.slot, number]] : [])));

// The value of a slot; arrays that are inputs are those themselves, so that what did not change is seen not to have.
const valueOf = slot => (!values ? fixed[slot] : inputOf.has(slot) ? inputs[inputOf.get(slot)] : values[slot]);
const secret = key => data.exercise && key && !known.has(key);

// --- places ------------------------------------------------------------------------------------------------------------

const shown = all("[data-v]").map(element => ({
  element,
  slot: Number(element.dataset.v),
  key: element.dataset.k,
  cap: Number(element.dataset.cap || 0),
  bracket: "b" in element.dataset,
  form: element.dataset.form,
  section: element.closest("section.step"),
  picture: element.closest("svg.picture"),
}));

function fill() {
  for (const place of shown) {
    if (place.picture?.classList.contains("closed")) continue;
    if (place.form) {
      if (!place.section || !place.section.hidden) fillArray(place);
      continue;
    }
    const { element } = place;
    if (!compute && !secret(place.key)) continue;
    let text = secret(place.key) ? "?" : show(values[place.slot], data.digits);
    if (place.bracket && text.startsWith("−")) text = `(${text})`;
    if (element.textContent === text) continue;
    element.textContent = text;
    element.classList.toggle("alarm", /NaN|∞/.test(text));
    if (place.cap) element.style.fontSize = text.length > place.cap ? `${((12 * place.cap) / text.length).toFixed(1)}px` : "";
  }
  const moved = inputs.some((value, number) => value !== start[number]);
  for (const note of all(".stale")) note.hidden = !moved;
  for (const rule of all("[data-rule]")) rule.hidden = secret(rule.dataset.rule) && !rule.dataset.told;
}

// --- arrays ------------------------------------------------------------------------------------------------------------

const gridOf = shape => (shape.length ? [shape.slice(0, -1).reduce((a, b) => a * b, 1), shape[shape.length - 1]] : [1, 1]);

function fillArray(place) {
  const array = valueOf(place.slot), shape = data.shapes[place.slot];
  if (array === undefined || !shape) return;
  place.box ??= arrayBox(place);
  showArray(place.box, array, shape, place);
}

// The element that an array is drawn in: in a picture it has a size of its own.
function arrayBox({ element, form, slot }) {
  const box = document.createElement("span");
  box.className = `holds ${form}`;
  box.dataset.slot = slot;
  element.replaceChildren();
  if (element.namespaceURI !== SVG) {
    element.append(box);
    return box;
  }
  const outer = make("foreignObject", { x: 0, y: 0, width: element.dataset.w, height: element.dataset.h }, element);
  box.style.width = `${element.dataset.w}px`;
  box.style.height = `${element.dataset.h}px`;
  outer.append(box);
  return box;
}

function showArray(box, array, shape, place) {
  if (box.last === array && box.inks === inks && inks) return;
  inks ??= palette();
  box.last = array;
  box.inks = inks;
  const [rows, columns] = gridOf(shape);
  if (place.form === "matrix") return showMatrix(box, array, columns, place.cap);
  let canvas = box.querySelector("canvas"), note = box.querySelector("small");
  if (!canvas) {
    note = document.createElement("small");
    canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    canvas.setAttribute("aria-hidden", "true");
    if (!box.style.width) {
      canvas.style.width = `${clamp(columns * 8, 48, 320)}px`;
      canvas.style.height = `${clamp(rows * 8, 14, 200)}px`;
    }
    box.append(note, canvas);
  }
  fitNote(note, range(array, data.digits), parseFloat(box.style.width) || Infinity);
  heat(canvas, array);
}

// The range over a map of colours, in the room that a picture has for it: how many are NaN alone, or smaller, where it is longer.
function fitNote(note, told, room) {
  const large = 9, figure = 0.64 * large;
  const text = told.length * figure > room && told.includes(", ") ? told.split(", ")[1] : told;
  note.textContent = text;
  note.title = text === told ? "" : told;
  note.style.fontSize = text.length * figure > room ? `${((large * room) / (text.length * figure)).toFixed(1)}px` : "";
  note.classList.toggle("alarm", /NaN|∞/.test(told));
}

function showMatrix(box, array, columns, cap) {
  const texts = cells(array, data.digits);
  if (box.children.length !== texts.length) {
    box.style.setProperty("--columns", columns);
    box.replaceChildren(...texts.map((_, k) => {
      const cell = document.createElement("span");
      cell.className = "cell";
      cell.dataset.i = k;
      return cell;
    }));
  }
  texts.forEach((text, k) => {
    const cell = box.children[k];
    if (cell.textContent === text) return;
    cell.textContent = text;
    cell.classList.toggle("alarm", /NaN|∞/.test(text));
    if (cap) cell.style.fontSize = text.length > cap ? `${((11 * cap) / text.length).toFixed(1)}px` : "";
  });
}

let inks = null;

function palette() {
  const style = getComputedStyle(document.documentElement);
  const ink = name => [1, 3, 5].map(at => parseInt(style.getPropertyValue(`--${name}`).trim().slice(at, at + 2), 16));
  return { none: ink("bg"), more: ink("forward"), less: ink("back"), bad: ink("bad") };
}

// Colours: blue for what is positive, orange for what is negative, the background for nothing.
function heat(canvas, array) {
  const context = canvas.getContext("2d"), image = (canvas.pixels ??= context.createImageData(canvas.width, canvas.height));
  let most = 0;
  for (let k = 0; k < array.length; k++) {
    const size = Math.abs(Number(array[k]));
    if (size > most && size < Infinity) most = size;
  }
  const { none, more, less, bad } = inks;
  for (let k = 0; k < array.length; k++) {
    const value = Number(array[k]), finite = Number.isFinite(value), share = most ? Math.min(1, Math.abs(value) / most) : 0;
    const to = !finite ? bad : value > 0 ? more : less, part = finite ? share : 1;
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = none[c] + (to[c] - none[c]) * part;
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  inks = null;
  fill();
});

// Place by place: the index of an element as texts of programs write it.
function indexOf(flat, shape) {
  const index = [];
  for (let k = shape.length - 1; k >= 0; k--) {
    index.unshift(flat % shape[k]);
    flat = Math.floor(flat / shape[k]);
  }
  return index;
}

const flatOf = (index, shape) => index.reduce((flat, place, k) => flat * shape[k] + place, 0);
