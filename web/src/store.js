// The cluster as the service tells it: loaded once, then kept up to date by its stream of events.

import { signal } from "@preact/signals";
import { eventsUrl, get } from "./api.js";

const RETRY_SECONDS = 2;
const FEED_MAX = 300;
const HISTORY_MAX = 600;

const COLLECTIONS = {
  "state/nodes": "uuid",
  "state/forgotten_nodes": "uuid",
  "configuration/nodes": "uuid",
  "configuration/containers": "name",
  "state/containers": "name",
  "configuration/datasets": "dataset_id",
  "state/datasets": "dataset_id",
  "configuration/applications": "name",
  "state/moves": "move_id",
  "state/set_aside": "name",
  "state/audit": "id",
};

// By the id of an item: all items that have it. A version goes up with each change.
export const collections = {};
for (const path of Object.keys(COLLECTIONS)) collections[path] = { items: new Map(), version: signal(0) };

export const link = signal({ state: "loading", since: Date.now() });
export const user = signal({ may_write: false, sees_secrets: false });
export const release = signal("");
export const feed = { items: [], version: signal(0) };
export const clock = signal(Date.now() / 1000);

// What the API only has as it is now: predictions and lags over time, by move or copy.
export const history = new Map();

let source = null;
let generation = 0;
const changed = new Set();
let frame = 0;

setInterval(() => (clock.value = Date.now() / 1000), 1000);

export function all(path) {
  collections[path].version.value;
  const found = [];
  for (const items of collections[path].items.values()) for (const item of items) found.push(item);
  return found;
}

export function one(path, id) {
  collections[path].version.value;
  return collections[path].items.get(id)?.[0];
}

export function several(path, id) {
  collections[path].version.value;
  return collections[path].items.get(id) ?? [];
}

function touch(path) {
  changed.add(path);
  // Many events become one drawing.
  frame ||= setTimeout(() => {
    frame = 0;
    for (const each of changed) (each === "feed" ? feed : collections[each]).version.value++;
    changed.clear();
  }, 50);
}

export function keep(key, value) {
  if (value === undefined || value === null) return;
  const known = history.get(key) ?? [];
  known.push([Date.now() / 1000, value]);
  if (known.length > HISTORY_MAX) known.shift();
  history.set(key, known);
}

function remember(path, items) {
  for (const item of items) {
    if (path === "state/moves" && !item.receipt) keep(`move ${item.move_id}`, item.predicted_pause_seconds);
  }
}

async function load(path) {
  const limit = path === "state/audit" ? "?limit=500" : "";
  const answer = await get(`/${path}${limit}`);
  const key = COLLECTIONS[path];
  const items = new Map();
  for (const item of answer.body) {
    const id = item[key] ?? item.dataset_id;
    items.has(id) ? items.get(id).push(item) : items.set(id, [item]);
  }
  collections[path].items = items;
  remember(path, answer.body);
  touch(path);
  return answer.generation;
}

export async function start() {
  source?.close();
  try {
    // What changes while the collections are read comes again as events.
    generation = await load("state/nodes");
    user.value = (await get("/user")).body;
    release.value = (await get("/version")).body.flocker;
    await Promise.all(Object.keys(COLLECTIONS).slice(1).map(load));
  } catch (error) {
    link.value = { state: "away", since: link.value.state === "away" ? link.value.since : Date.now(), why: error.message };
    setTimeout(start, RETRY_SECONDS * 1000);
    return;
  }
  performance.mark("loaded");
  listen();
}

function listen() {
  source = new EventSource(eventsUrl(generation));
  const heard = (event) => {
    generation = Number(event.lastEventId) || generation;
    if (link.value.state === "live") return;
    link.value = { state: "live", since: Date.now() };
    // For admin/benchmark: when the first screen with data was drawn.
    requestAnimationFrame(() => setTimeout(() => performance.mark("painted")));
  };
  source.addEventListener("alive", heard);
  source.addEventListener("change", (event) => {
    heard(event);
    apply(JSON.parse(event.data));
  });
  source.addEventListener("reset", () => start());
  source.onerror = () => {
    if (link.value.state === "live") link.value = { state: "away", since: Date.now() };
    // The browser connects again by itself, but not after an answer that is an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(start, RETRY_SECONDS * 1000);
  };
}

function apply(event) {
  const known = collections[event.collection];
  feed.items.unshift({ at: Date.now() / 1000, ...event });
  if (feed.items.length > FEED_MAX) feed.items.pop();
  touch("feed");
  if (!known) return;
  const key = COLLECTIONS[event.collection];
  const id = event.items[0]?.[key] ?? event.id;
  event.items.length ? known.items.set(id, event.items) : known.items.delete(id);
  remember(event.collection, event.items);
  touch(event.collection);
}
