// One element of an array: its value, what it is made of, what flows back to it. Opened by a click on it, or by name and place.
const named = (slot, flat) => {
  const shape = data.shapes[slot];
  return shape ? `${data.names[slot]}[${indexOf(flat, shape).join(", ")}]` : data.names[slot];
};
const elementOf = (slot, flat) => (data.shapes[slot] ? valueOf(slot)?.[flat] : valueOf(slot));

// The place in an operand that broadcasting takes an element from.
function broadcast(index, shape) {
  const own = index.slice(index.length - shape.length);
  return flatOf(own.map((place, k) => (shape[k] === 1 ? 0 : place)), shape);
}

// What an element is made of: {parts: [[slot, flat], …], text(write)} where write gives a part's text; null where no rule is known.
function madeOf(slot, flat) {
  const rule = data.rules[slot];
  if (!rule) return null;
  const shape = data.shapes[slot] ?? [], index = indexOf(flat, shape), [first, second] = rule.o;
  const shapeOf = operand => data.shapes[operand] ?? [];
  const joined = (parts, sign) => write => parts.slice(0, MOST).map(write).join(sign) + (parts.length > MOST ? `${sign}…` : "");
  switch (rule.r) {
    case "each": {
      const parts = rule.o.map(operand => [operand, operand < 0 ? 0 : broadcast(index, shapeOf(operand))]);
      const text = write => rule.t.replace(/[\ue000-\uf8ff]/g, sign => write(parts[sign.charCodeAt(0) - 0xe000]));
      return { parts: parts.filter(([operand]) => operand >= 0), text };
    }
    case "view": {
      const from = rule.p ? rule.p[flat] : rule.f + index.reduce((sum, place, k) => sum + place * rule.s[k], 0);
      if (from < 0) return null;
      return { parts: [[first, from]], text: write => write([first, from]) };
    }
    case "outer": {
      const rank = shapeOf(first).length;
      const parts = [[first, flatOf(index.slice(0, rank), shapeOf(first))], [second, flatOf(index.slice(rank), shapeOf(second))]];
      return { parts, text: joined(parts, "·") };
    }
    case "matmul": {
      const a = shapeOf(first), b = shapeOf(second), length = a[a.length - 1], pairs = [];
      const place = [...index], n = b.length > 1 ? place.pop() : null, m = a.length > 1 ? place.pop() : null;
      for (let k = 0; k < length; k++) {
        const left = broadcast([...place, ...(m === null ? [k] : [m, k])], a), right = broadcast([...place, ...(n === null ? [k] : [k, n])], b);
        pairs.push([[first, left], [second, right]]);
      }
      const text = write => pairs.slice(0, MOST).map(([x, y]) => `${write(x)}·${write(y)}`).join(" + ") + (pairs.length > MOST ? " + …" : "");
      return { parts: pairs.flat(), text };
    }
    default: {
      const from = shapeOf(first), axes = rule.a, outer = rule.r === "along" ? index.slice() : [];
      if (rule.r === "reduce") for (let k = 0, j = 0; k < from.length; k++) outer[k] = axes.includes(k) ? (shape.length === from.length ? (j++, 0) : 0) : index[j++];
      const parts = [], count = axes.reduce((product, axis) => product * from[axis], 1);
      for (let n = 0; n < count; n++) {
        const inner = indexOf(n, axes.map(axis => from[axis]));
        axes.forEach((axis, k) => { outer[axis] = inner[k]; });
        parts.push([first, flatOf(outer, from)]);
      }
      if (rule.w === "sum") return { parts, text: joined(parts, " + ") };
      if (rule.w === "mean") return { parts, text: write => `(${joined(parts, " + ")(write)})/${count}` };
      if (rule.w === "prod") return { parts, text: joined(parts, "·") };
      const behind = rule.r === "along" ? `[${index[axes[0]]}]` : "";
      return { parts, text: write => `${rule.w}(${joined(parts, ", ")(write)})${behind}` };
    }
  }
}
const MOST = 8;

const bracketed = text => (text.startsWith("−") ? `(${text})` : text);
const written = ([slot, flat]) => (slot < 0 ? "" : named(slot, flat));
const numbered = ([slot, flat]) => (slot < 0 ? "" : bracketed(show(elementOf(slot, flat), data.digits)));

let opened = null;

function openElement(slot, flat) {
  opened = [slot, flat];
  one("element").hidden = false;
  tellElement();
}

// A line of the panel: a chain of equations.
function chain(...parts) {
  const line = document.createElement("p");
  line.className = "chain";
  line.dir = "ltr";
  line.textContent = parts.filter(part => part !== null).join(" = ");
  return line;
}

function tellElement() {
  if (!opened || one("element").hidden) return;
  const [slot, flat] = opened, made = madeOf(slot, flat), value = elementOf(slot, flat);
  if (value === undefined) return;
  const lines = [chain(named(slot, flat), made && made.text(written), made && made.text(numbered), show(value, data.digits))];
  const back = data.adjoints[slot];
  if (back !== undefined) {
    const from = madeOf(back, flat), derivative = elementOf(back, flat);
    const same = from && data.rules[back].r === "view" && data.rules[back].o[0] < 0;
    lines.push(chain(`∂${data.outputs[0]?.name ?? "L"}/∂${named(slot, flat)}`, from && !same ? from.text(written) : null, from && !same ? from.text(numbered) : null, show(derivative, data.digits)));
    const number = data.inputs.findIndex(input => input.slot === slot);
    const slope = number >= 0 && data.slopes[number] !== null ? numericSlope(number, flat) : null;
    if (slope !== null) lines.push(chain(`${say("numerically")} ${show(slope, data.digits)}`));
  }
  one("element-told").replaceChildren(...lines);
  const parts = made ? made.parts.slice(0, MOST).filter(([part]) => data.shapes[part]) : [];
  const key = JSON.stringify(parts);
  if (one("element-parts").dataset.of !== key) one("element-parts").replaceChildren(...parts.map(([part, place]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = named(part, place);
    button.addEventListener("click", () => openElement(part, place));
    return button;
  }));
  one("element-parts").dataset.of = key; // the same ones stay, and keep the focus
  one("element-array").value = String(slot);
  if (document.activeElement !== one("element-index")) one("element-index").value = indexOf(flat, data.shapes[slot] ?? []).join(", ");
}

function fromFields() {
  const slot = Number(one("element-array").value), shape = data.shapes[slot];
  const index = one("element-index").value.split(/[,;\s]+/).filter(Boolean).map(Number);
  const fits = index.length === shape.length && index.every((place, k) => Number.isInteger(place) && place >= 0 && place < shape[k]);
  one("element-index").setAttribute("aria-invalid", String(!fits));
  if (fits) openElement(slot, flatOf(index, shape));
}

// The element of an array that a click meets.
function met(event) {
  const box = event.target.closest(".holds");
  if (!box) return null;
  const slot = Number(box.dataset.slot), cell = event.target.closest(".cell"), canvas = event.target.closest("canvas");
  if (cell) return [slot, Number(cell.dataset.i)];
  if (!canvas) return null;
  const at = canvas.getBoundingClientRect(), [rows, columns] = gridOf(data.shapes[slot]);
  const column = clamp(Math.floor(((event.clientX - at.left) / at.width) * columns), 0, columns - 1);
  const row = clamp(Math.floor(((event.clientY - at.top) / at.height) * rows), 0, rows - 1);
  return [slot, row * columns + column];
}

if (one("element")) {
  document.addEventListener("click", event => {
    const found = met(event);
    if (!found) return;
    openElement(...found);
    const number = data.inputs.findIndex(input => input.slot === found[0]);
    if (number >= 0) choose(number, found[1]);
  });
  one("element-array").addEventListener("change", () => {
    one("element-index").value = data.shapes[one("element-array").value].map(() => 0).join(", ");
    fromFields();
  });
  one("element-index").addEventListener("input", fromFields);
}
