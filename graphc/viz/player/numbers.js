// Numbers as people read them: the same text for the same value as Python's `show_number`.
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function superscript(power) {
  return String(power).replace("-", "⁻").replace(/\d/g, digit => SUPERSCRIPTS[digit]);
}

// A string of decimal digits to a few, halves to even: [digits, whether a place was carried over].
function rounded(all, count) {
  const kept = all.slice(0, count).padEnd(count, "0"), rest = all.slice(count);
  const half = "5".padEnd(rest.length, "0");
  const up = rest !== "" && (rest > half || (rest === half && Number(kept[count - 1]) % 2 === 1));
  if (!up) return [kept, 0];
  const more = String(BigInt(kept) + 1n);
  return more.length > kept.length ? [more.slice(0, count), 1] : [more.padStart(count, "0"), 0];
}

function show(value, digits) {
  if (typeof value === "boolean") return value ? "True" : "False";
  const big = typeof value === "bigint";
  if (!big) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  }
  if (value == 0) return "0";
  const sign = value < 0 ? "−" : "", size = value < 0 ? -value : value;
  if (size < 1e6 && (big || size === Math.floor(size))) return sign + String(size);
  let all, power;
  if (big) {
    all = String(size);
    power = all.length - 1;
  } else { // the exact digits, so that rounding them is correct
    const [mantissa, exponent] = size.toExponential(100).split("e");
    all = mantissa.replace(".", "");
    power = Number(exponent);
  }
  const [figures, carry] = rounded(all, digits);
  power += carry;
  const short = figures.replace(/0+$/, "");
  if (power <= -4 || power >= Math.max(digits, 3)) {
    return `${sign}${short[0]}${short.length > 1 ? "." + short.slice(1) : ""}×10${superscript(power)}`;
  }
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${short}`;
  const whole = figures.slice(0, power + 1).padEnd(power + 1, "0"), part = short.slice(power + 1);
  return sign + whole + (part ? "." + part : "");
}

// What was typed, as a number; null for anything else. Fractions, products, π and decimal commas are welcome: 1/3, 0,5, 2pi, 3*pi/4.
function read(text) {
  const named = { "inf": Infinity, "∞": Infinity, "nan": NaN, "pi": Math.PI, "π": Math.PI };
  const factor = part => {
    const sign = /^[-−–]/.test(part) ? -1 : 1, found = part.replace(/^[-−–+]/, "").trim().toLowerCase();
    if (Object.hasOwn(named, found)) return sign * named[found];
    const [, digits, pi] = /^(.*?)\s*(pi|π)?$/.exec(found);
    if (!/^(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/.test(digits)) return null;
    return sign * Number(digits.replace(",", ".")) * (pi ? Math.PI : 1);
  };
  const product = part => {
    const factors = part.split(/[*·×]/).map(each => factor(each.trim()));
    return factors.includes(null) ? null : factors.reduce((a, b) => a * b);
  };
  const parts = text.replace(/[\u00a0\u202f\u200e\u200f]/g, " ").trim().split("/").map(product);
  if (parts.includes(null) || parts.length > 2) return null;
  return parts.length === 2 ? parts[0] / parts[1] : parts[0];
}

// A number with so many places behind its point, halves to even.
function toPlaces(value, count) {
  const exact = value.toFixed(Math.min(100, count + 60)), cut = exact.length - Math.min(100, count + 60) + count;
  const kept = count ? exact.slice(0, cut) : exact.slice(0, cut - 1);
  return /^\.?50*$/.test(exact.slice(kept.length)) && "02468".includes(kept[kept.length - 1]) ? kept : value.toFixed(count);
}

// How many places behind the point numbers have in common, as Python's `matrix_cells` finds them; null where none would show all.
function places(known, digits) {
  const sizes = known.map(Math.abs).filter(size => size > 0);
  if (!sizes.length) return 0;
  const most = Math.max(...sizes), largest = Number(most.toExponential(100).split("e")[1]);
  if (largest >= Math.max(digits, 3) + 2 || largest < -3) {
    return known.some(value => value !== Math.round(value)) || most >= 1e15 ? null : 0;
  }
  const least = Math.max(0, Math.min(digits - 1 - largest, 17));
  for (let count = least; count < least + 3; count++) {
    const texts = known.map(value => toPlaces(value, count));
    if (!texts.every((text, k) => Number(text) !== 0 || known[k] === 0)) continue;
    return count ? Math.max(...texts.map(text => text.replace(/0+$/, "").split(".")[1].length)) : 0;
  }
  return null;
}

// The elements of a small array as texts whose points stand below one another.
function cells(array, digits) {
  const list = Array.from(array);
  const floats = list.every(value => typeof value === "number");
  const count = floats ? places(list.filter(Number.isFinite), digits) : null;
  return list.map(value => {
    if (count === null || !Number.isFinite(value) || Math.abs(value) >= 1e15) return show(value, digits);
    const text = toPlaces(value, count);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
  });
}

// An array in one line: its range.
function range(array, digits) {
  let low = Infinity, high = -Infinity, missing = 0;
  for (const value of array) {
    if (Number.isNaN(value)) missing++;
    else {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (missing === array.length) return missing ? "NaN" : "";
  const [first, last] = [show(low, digits), show(high, digits)];
  return (first === last ? first : `${first}…${last}`) + (missing ? `, ${missing} NaN` : "");
}

// A step for a slider that covers a range: a power of ten.
function fine(width) {
  return Number(`1e${Math.floor(Math.log10(width / 40))}`);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// A short text for an input: the number as it is, without the noise of binary fractions.
function tidy(value, digits = 6) {
  return String(Number(Number(value).toPrecision(digits)));
}
