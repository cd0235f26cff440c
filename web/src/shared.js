// What several screens need of the collections, made anew only when those have changed.

import { computed } from "@preact/signals";
import { all, clock, several } from "./store.js";
import { awayHosts, containerState, findings, openMoves } from "./derive.js";
import { inOrder } from "./format.js";

const TICK_SECONDS = 10;

// For what looks at everything: ten thousand things need no new look each second.
export const slowClock = computed(() => Math.floor(clock.value / TICK_SECONDS) * TICK_SECONDS);

export const nodes = computed(() => all("state/nodes").sort((one, other) => inOrder(one.host, other.host)));
export const away = computed(() => awayHosts(nodes.value));
export const moves = computed(() => all("state/moves"));
export const moving = computed(() => openMoves(moves.value));
export const configured = computed(() => all("configuration/containers").sort((one, other) => inOrder(one.name, other.name)));

// Each configured container with its state.
export const containers = computed(() => {
  all("state/containers");
  const hosts = away.value;
  const under = moving.value;
  return configured.value.map((each) => ({ ...each, state: containerState(each, several("state/containers", each.name), under.get(each.name), hosts.has(each.host)) }));
});

export const byNode = computed(() => {
  const found = new Map();
  for (const each of containers.value) found.has(each.host) ? found.get(each.host).push(each) : found.set(each.host, [each]);
  return found;
});

export const wrong = computed(() => findings({
  nodes: nodes.value, states: all("state/containers"), configured: configured.value, datasets: all("state/datasets"), moves: moves.value, now: slowClock.value }));
