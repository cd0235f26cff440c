// Small parts that all screens use.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { clock } from "./store.js";
import { ago, moment, percent } from "./format.js";

export const toast = signal(null);

export function say(text, kind = "good") {
  toast.value = { text, kind, at: Date.now() };
}

export const Badge = ({ state: [kind, text] }) => html`<span class=${`badge ${kind}`}>${text}</span>`;

export const Ago = ({ at }) => html`<time title=${moment(at)}>${ago(at, clock.value)}</time>`;

export const Card = ({ title, aside, children, id, wide }) => html`
  <section class=${wide ? "card wide" : "card"} aria-labelledby=${id}>
    <header><h2 id=${id}>${title}</h2>${aside}</header>
    ${children}
  </section>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export const Problem = ({ children }) => children ? html`<p class="problem">${children}</p>` : null;

export function Meter({ value, of, label, text }) {
  const used = percent(value, of);
  const kind = used > 95 ? "bad" : used > 85 ? "note" : "good";
  return html`<div class="meter">
    <span class="meter-label">${label}</span><span class="meter-text">${text}</span>
    <div class="bar" role="img" aria-label=${`${label}: ${text}`}><i class=${kind} style=${{ width: `${used}%` }}></i></div>
  </div>`;
}

export const Facts = ({ of }) => html`<dl class="facts">
  ${of.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false).map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>`;

// A button whose work may fail; while it goes on, the button waits.
export function Action({ children, work, done, kind = "", disabled = false }) {
  const [busy, setBusy] = useState(false);
  const click = async () => {
    setBusy(true);
    try {
      await work();
      if (done) say(done);
    } catch (error) {
      say(error.message, "bad");
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" class=${kind} onClick=${click} disabled=${busy || disabled} aria-busy=${busy}>${children}</button>`;
}

export function Dialog({ title, close, children }) {
  const element = useRef(null);
  useEffect(() => {
    const opener = document.activeElement;
    element.current.showModal();
    return () => opener?.focus?.();
  }, []);
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${close}
      onClick=${(event) => event.target === element.current && close()}>
    <div class="dialog">
      <header><h2 id="dialog-title">${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${close}>✕</button></header>
      ${children}
    </div>
  </dialog>`;
}

export function Confirm({ title, text, agree, work, close }) {
  return html`<${Dialog} title=${title} close=${close}>
    <p>${text}</p>
    <footer><button type="button" onClick=${close}>Leave it</button>
      <${Action} kind="danger" work=${async () => { await work(); close(); }}>${agree}<//></footer>
  <//>`;
}

const ROW_PIXELS = 44;
const BEYOND = 8;

// Only the rows that are in sight are drawn, so ten thousand cost what thirty do.
export function Rows({ columns, items, row, keyOf, label, empty }) {
  const box = useRef(null);
  const [view, setView] = useState([0, 40]);
  const look = () => {
    const element = box.current;
    if (!element) return;
    const first = Math.max(0, Math.floor(element.scrollTop / ROW_PIXELS) - BEYOND);
    const count = Math.ceil(element.clientHeight / ROW_PIXELS) + 2 * BEYOND;
    setView((known) => (known[0] === first && known[1] === count ? known : [first, count]));
  };
  useEffect(() => {
    look();
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, [items.length]);
  if (!items.length) return html`<${Empty}>${empty}<//>`;
  const [first, count] = view;
  const shown = items.slice(first, first + count);
  const layout = { gridTemplateColumns: columns.map((each) => each[1]).join(" ") };
  return html`<div class="rows">
    <div class="rows-box" role="table" aria-label=${label} aria-rowcount=${items.length + 1} ref=${box} onScroll=${look} tabindex="0">
      <div class="row head" role="row" style=${layout}>
        ${columns.map(([name]) => html`<span role="columnheader">${name}</span>`)}
      </div>
      <div role="presentation" style=${{ height: `${first * ROW_PIXELS}px` }}></div>
      ${shown.map((item, index) => html`<div class=${first + index + 1 === items.length ? "row last" : "row"} role="row" key=${keyOf(item)} style=${layout} aria-rowindex=${first + index + 2}>
        ${row(item).map((cell, number) => html`<span role="cell" data-name=${columns[number][0]}>${cell}</span>`)}
      </div>`)}
      <div role="presentation" style=${{ height: `${Math.max(0, items.length - first - shown.length) * ROW_PIXELS}px` }}></div>
    </div>
  </div>`;
}

export const Link = ({ to, children }) => html`<a href=${to}>${children}</a>`;
export const nodeLink = (host) => host && html`<a href=${`#/nodes/${host}`}>${host}</a>`;
export const containerLink = (name) => name && html`<a href=${`#/containers/${encodeURIComponent(name)}`}>${name}</a>`;
