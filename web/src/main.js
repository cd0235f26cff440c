// The frame around the screens: navigation, the link to the service, messages.

import { render } from "preact";
import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { clock, link, start, user } from "./store.js";
import { toast } from "./parts.js";
import { ago } from "./format.js";
import { Overview } from "./overview.js";
import { NodeScreen, NodesScreen } from "./nodes.js";
import { ContainerScreen, ContainersScreen } from "./containers.js";
import { MoveScreen, MovesScreen } from "./moves.js";
import { DatasetScreen, DatasetsScreen } from "./datasets.js";
import { ApplicationsScreen } from "./applications.js";
import { EventsScreen } from "./events.js";
import { SettingsScreen } from "./settings.js";

const SCREENS = {
  "": ["Overview", Overview],
  nodes: ["Nodes", NodesScreen, NodeScreen],
  containers: ["Containers", ContainersScreen, ContainerScreen],
  moves: ["Moves", MovesScreen, MoveScreen],
  datasets: ["Datasets", DatasetsScreen, DatasetScreen],
  applications: ["Applications", ApplicationsScreen, ApplicationsScreen],
  events: ["Events", EventsScreen],
  settings: ["Settings", SettingsScreen],
};
const TOAST_SECONDS = 8;

const path = signal(here());

function here() {
  const [screen, ...rest] = location.hash.replace(/^#\//, "").split("/");
  return [screen in SCREENS ? screen : "", decode(rest.join("/"))];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

addEventListener("hashchange", () => {
  path.value = here();
  // What reads aloud begins with the new screen.
  setTimeout(() => {
    document.querySelector("main h1")?.focus();
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, 0);
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});

function LinkState() {
  const { state, since } = link.value;
  if (state === "live") return html`<span class="badge good" id="link-state">live</span>`;
  return html`<span class="badge note" id="link-state">${state === "loading" ? "loading" : "no connection"}</span>`;
}

function Away() {
  const { state, since, why } = link.value;
  if (state !== "away") return null;
  return html`<p class="away" role="status">The control service does not answer${why ? ` (${why})` : ""}.
    What you see is from ${ago(since / 1000, clock.value)}. Containers run on; this page tries again by itself.</p>`;
}

function Toast() {
  const said = toast.value;
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => (toast.value = null), TOAST_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [said]);
  return html`<div role="status" aria-live="polite" class="toasts">
    ${said && html`<p class=${`toast ${said.kind}`}>${said.text}
      <button type="button" class="quiet" aria-label="Close the message" onClick=${() => (toast.value = null)}>✕</button></p>`}
  </div>`;
}

function Theme() {
  const turn = () => {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
  };
  return html`<button type="button" class="quiet" aria-label="Light or dark" title="Light or dark" onClick=${turn}>◐</button>`;
}

function App() {
  const [screen, id] = path.value;
  const [title, List, Item] = SCREENS[screen];
  const Screen = id && Item ? Item : List;
  document.title = `${id || title} · flocker-lite`;
  const loading = link.value.state === "loading";
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main h1")?.focus(); }}>To the content</a>
    <header class="top">
      <a class="brand" href="#/"><span aria-hidden="true">⛁</span> flocker-lite</a>
      <nav aria-label="Screens">${Object.entries(SCREENS).map(([name, [text]]) => html`
        <a href=${`#/${name}`} aria-current=${name === screen ? "page" : undefined}>${text}</a>`)}</nav>
      <div class="who"><${LinkState} />
        <span class="user" title=${user.value.may_write ? "may change things" : "may only read"}>${user.value.user ?? "no certificate"}${!user.value.may_write && !loading ? " (read-only)" : ""}</span>
        <a href="docs/" target="_blank" rel="noopener" title="The documentation of this release">Help</a>
        <${Theme} /></div>
    </header>
    <${Away} />
    <main id="main">${loading ? html`<p class="boot">Loading the cluster…</p>` : html`<${Screen} id=${id} key=${`${screen} ${id}`} />`}</main>
    <${Toast} />`;
}

const theme = localStorage.getItem("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
document.getElementById("app").textContent = "";
render(html`<${App} />`, document.getElementById("app"));
start();
