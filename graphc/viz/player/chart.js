// A plot that is drawn again whenever something changes, with points that can be dragged.
const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.append(element);
  return element;
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= raw * 0.999) || 10 * power;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(n * step);
  return found.map(value => [value, tidy(value)]);
}

class Chart {
  // frame : {low, high, ylow, yhigh} of the axes, ylow null where they follow the curves
  // curves : functions of x, each with what it is drawn as
  constructor(place, label) {
    this.place = place;
    this.svg = make("svg", { class: "chart", role: "group", "aria-label": label });
    this.back = make("g", { "aria-hidden": "true" }, this.svg);
    this.front = make("g", {}, this.svg);
    place.append(this.svg);
    this.handles = [];
    this.left = 52;
    this.right = 12;
    this.top = 10;
    this.bottom = 30;
    this.fit();
  }

  // The picture has the room's own size, so that its letters keep theirs.
  fit() {
    this.width = clamp(this.place.clientWidth, 240, 620);
    this.height = Math.round(this.width * 0.64);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
  }

  // A point that can be dragged and moved by arrow keys; moved(x, y) is told where to.
  handle(label, moved) {
    const element = make("g", { class: "reachable" }, this.front);
    make("circle", { r: 22, class: "reach" }, element);
    const dot = make("circle", { r: 8, class: "handle", tabindex: 0, role: "slider", "aria-label": label, "aria-valuenow": 0 }, element);
    const drag = event => {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * this.width, y = ((event.clientY - box.top) / box.height) * this.height;
      moved(...this.data(x, y));
    };
    element.addEventListener("pointerdown", event => {
      element.setPointerCapture(event.pointerId);
      dot.focus();
      event.preventDefault();
    });
    element.addEventListener("pointermove", event => {
      if (element.hasPointerCapture(event.pointerId)) drag(event);
    });
    dot.addEventListener("keydown", event => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
      if (!way) return;
      const { low, high, ylow, yhigh } = this.frame, at = this.handles.find(one => one.dot === dot).at;
      moved(at[0] + (way[0] * (high - low)) / 50, at[1] + (way[1] * (yhigh - ylow)) / 50, way);
      event.preventDefault();
      event.stopPropagation();
    });
    this.handles.push({ element, dot, at: [0, 0] });
  }

  put(number, x, y, text) {
    const one = this.handles[number], ok = Number.isFinite(x) && Number.isFinite(y);
    one.at = [x, y];
    one.element.toggleAttribute("hidden", !ok);
    if (!ok) return;
    const { low, high, ylow, yhigh } = this.frame;
    one.element.setAttribute("transform", `translate(${this.x(clamp(x, low, high))} ${this.y(clamp(y, ylow, yhigh))})`);
    one.dot.setAttribute("aria-valuemin", tidy(low));
    one.dot.setAttribute("aria-valuemax", tidy(high));
    one.dot.setAttribute("aria-valuenow", tidy(x));
    one.dot.setAttribute("aria-valuetext", text);
  }

  x(value) {
    const { low, high } = this.frame;
    return this.left + ((value - low) / (high - low)) * (this.width - this.left - this.right);
  }

  y(value) {
    const { ylow, yhigh } = this.frame;
    return this.height - this.bottom - ((value - ylow) / (yhigh - ylow)) * (this.height - this.top - this.bottom);
  }

  data(x, y) {
    const { low, high, ylow, yhigh } = this.frame;
    return [
      low + ((x - this.left) / (this.width - this.left - this.right)) * (high - low),
      ylow + ((this.height - this.bottom - y) / (this.height - this.top - this.bottom)) * (yhigh - ylow),
    ];
  }

  // All curves on a grid of x; where the axis follows them, it leaves out what a pole sends far away.
  draw(frame, curves, points = [], tangent = null) {
    this.fit();
    const { low, high } = frame, samples = 160;
    const grid = Array.from({ length: samples + 1 }, (_, k) => low + ((high - low) * k) / samples);
    const rows = grid.map(x => curves(x));
    this.frame = { ...frame };
    if (frame.ylow === null) {
      const all = rows.flat().filter(Number.isFinite).sort((a, b) => a - b);
      let first = all[Math.floor(all.length * 0.03)] ?? -1, last = all[Math.ceil(all.length * 0.97) - 1] ?? 1;
      const inner = last - first;
      if (all.length && all[0] > first - inner) first = all[0];
      if (all.length && all[all.length - 1] < last + inner) last = all[all.length - 1];
      for (const [, y] of points) if (Number.isFinite(y)) [first, last] = [Math.min(first, y), Math.max(last, y)];
      const more = 0.08 * (last - first) || Math.max(1, Math.abs(first) * 0.1);
      this.frame.ylow = first - more;
      this.frame.yhigh = last + more;
    }
    this.back.replaceChildren();
    this.axes();
    const clip = make("clipPath", { id: (this.id ??= `clip${Chart.count++}`) }, this.back);
    make("rect", { x: this.left, y: this.top, width: this.width - this.left - this.right, height: this.height - this.top - this.bottom }, clip);
    const inside = make("g", { "clip-path": `url(#${this.id})` }, this.back);
    const number = rows[0].length;
    for (let k = 0; k < number; k++) {
      make("path", { class: `curve c${k % 4}`, d: this.path(x => curves(x)[k], grid, rows.map(row => row[k])) }, inside);
    }
    if (tangent) {
      const [x, y, slope] = tangent;
      if ([x, y, slope].every(Number.isFinite)) {
        make("line", { class: "tangent", x1: this.x(low), x2: this.x(high), y1: this.y(y + slope * (low - x)), y2: this.y(y + slope * (high - x)) }, inside);
      }
    }
    for (const [x, y] of points) {
      if (Number.isFinite(x) && Number.isFinite(y)) make("circle", { class: "dot", r: 5, cx: this.x(x), cy: this.y(y) }, inside);
    }
  }

  // The path of a curve. A steep or bent piece is halved until it is short; one that stays steep is a jump, and is left out.
  path(curve, grid, values) {
    let text = "", open = false;
    const tall = 0.03 * (this.frame.yhigh - this.frame.ylow), reach = 50 * (this.frame.yhigh - this.frame.ylow);
    const bent = 0.001 * (this.frame.yhigh - this.frame.ylow);
    const point = (x, y) => {
      text += `${open ? "L" : "M"}${this.x(x).toFixed(2)} ${this.y(clamp(y, this.frame.ylow - reach, this.frame.yhigh + reach)).toFixed(2)}`;
      open = true;
    };
    const join = (x0, y0, x1, y1, depth) => {
      if (Number.isFinite(y0) && Number.isFinite(y1) && Math.abs(y1 - y0) <= tall) {
        const middle = (x0 + x1) / 2, between = depth > 1 ? curve(middle) : NaN;
        if (!(Math.abs(between - (y0 + y1) / 2) > bent)) return point(x1, y1);
        join(x0, y0, middle, between, depth - 1);
        return join(middle, between, x1, y1, depth - 1);
      }
      if (depth === 0) {
        open = false;
        if (Number.isFinite(y1)) point(x1, y1);
        return;
      }
      if (!Number.isFinite(y0) && !Number.isFinite(y1)) return void (open = false);
      const middle = (x0 + x1) / 2, between = curve(middle);
      join(x0, y0, middle, between, depth - 1);
      join(middle, between, x1, y1, depth - 1);
    };
    grid.forEach((x, k) => {
      if (k > 0) join(grid[k - 1], values[k - 1], x, values[k], 9);
      else if (Number.isFinite(values[0])) point(x, values[0]);
    });
    return text;
  }

  axes() {
    const { low, high, ylow, yhigh } = this.frame, base = this.height - this.bottom;
    for (const [value, text] of ticks(low, high, 6)) {
      const x = this.x(value);
      make("line", { class: value === 0 ? "axis" : "grid", x1: x, x2: x, y1: this.top, y2: base }, this.back);
      make("text", { x, y: base + 17, "text-anchor": "middle" }, this.back).textContent = text.replace("-", "−");
    }
    for (const [value, text] of ticks(ylow, yhigh, 5)) {
      const y = this.y(value);
      make("line", { class: value === 0 ? "axis" : "grid", x1: this.left, x2: this.width - this.right, y1: y, y2: y }, this.back);
      make("text", { x: this.left - 11, y: y + 4, "text-anchor": "end" }, this.back).textContent = text.replace("-", "−");
    }
  }
}
Chart.count = 0;
