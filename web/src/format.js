// Numbers, times and texts as people read them; pure.

// One collator for all: making one for each comparison takes longer than all the rest of a screen.
export const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;

export function bytes(count) {
  if (count === undefined || count === null) return "–";
  let value = count;
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (Math.abs(value) < 1000 || unit === "TiB")
      return unit === "B" ? `${value} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
    value /= 1024;
  }
  return "–";
}

export function rate(perSecond) {
  return perSecond === undefined || perSecond === null ? "–" : `${bytes(Math.round(perSecond))}/s`;
}

export function seconds(value) {
  if (value === undefined || value === null) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} days`;
}

export function ago(at, now = Date.now() / 1000) {
  if (!at) return "–";
  const passed = now - at;
  if (passed < 0) return `in ${seconds(-passed)}`;
  if (passed < 2) return "just now";
  return passed < 60 ? `${Math.round(passed)} s ago` : `${seconds(Math.round(passed))} ago`;
}

export function moment(at) {
  if (!at) return "–";
  return new Date(at * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC";
}

export function day(at) {
  return at ? new Date(at * 1000).toISOString().slice(0, 10) : "–";
}

export function percent(part, whole) {
  return whole > 0 ? Math.min(100, Math.max(0, (100 * part) / whole)) : 0;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function short(id) {
  return id && id.length > 12 ? id.slice(0, 8) : id;
}

// What a terminal would obey is left out, and so are other controls but line ends and tabs.
export function plain(text) {
  return text
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
}
