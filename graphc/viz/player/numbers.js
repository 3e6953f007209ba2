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

// What was typed, as a number; null for anything else. Fractions are welcome: 1/2.
function read(text) {
  const number = part => {
    const found = part.trim().replace(/^[−–]/, "-");
    const named = { "inf": Infinity, "-inf": -Infinity, "∞": Infinity, "-∞": -Infinity, "nan": NaN }[found.toLowerCase()];
    if (named !== undefined) return named;
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(found) ? Number(found) : null;
  };
  const parts = text.split("/").map(number);
  if (parts.includes(null) || parts.length > 2) return null;
  return parts.length === 2 ? parts[0] / parts[1] : parts[0];
}

// A step for a slider that covers a range: a power of ten.
function fine(width) {
  return Number(`1e${Math.floor(Math.log10(width / 40))}`);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// A short text for an input: the number as it is, without the noise of binary fractions.
function tidy(value) {
  return String(Number(Number(value).toPrecision(6)));
}
