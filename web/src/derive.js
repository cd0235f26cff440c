// What follows from the collections: what is wrong, what runs where, what a thing's state is; pure.

import { ago, bytes, day, percent, plural, seconds } from "./format.js";

const CERTIFICATE_DAYS = 30;
const FREE_PERCENT = 15;
const ENDED = ["done", "rolled back", "cancelled", "superseded"];

export const isOpen = (move) => !ENDED.includes(move.phase);

export function nodeState(node) {
  if (node.away) return ["bad", "away"];
  if (node.draining) return ["busy", "draining"];
  if (node.schedulable === false) return ["note", "cordoned"];
  return ["good", "up"];
}

// The configuration and the reports of one container, as one word with a colour.
export function containerState(configured, reports, move, away = false) {
  const here = reports.find((each) => each.running) ?? reports[0];
  // What its node told last may not be so any more.
  if (away && !move) return ["note", "node away"];
  if (move) return ["busy", move.phase === "failed" ? "move fails" : "moving"];
  if (!here) return configured?.running === false ? ["off", "stopped"] : ["note", "not seen"];
  if (here.running) {
    if (here.health === "unhealthy") return ["bad", "unhealthy"];
    if (here.error) return ["bad", "running, with an error"];
    return here.health === "starting" ? ["busy", "starting"] : ["good", "running"];
  }
  if (here.status === "paused") return ["note", "paused"];
  if (here.error) return ["bad", "failed"];
  if (configured?.running === false) return ["off", "stopped"];
  if (here.exit_code !== undefined) return ["off", `ended with ${here.exit_code}`];
  return ["busy", here.image_pull ? "pulling its image" : "starting"];
}

export function moveState(move) {
  if (move.phase === "done") return ["good", "done"];
  if (move.phase === "failed" || move.phase === "rolled back") return ["bad", move.phase];
  return isOpen(move) ? ["busy", move.cancelling ? "cancelling" : move.phase] : ["off", move.phase];
}

export function datasetName(dataset, id) {
  return dataset?.metadata?.name || id.slice(0, 8);
}

export const awayHosts = (nodes) => new Set(nodes.filter((each) => each.away).map((each) => each.host));

export function openMoves(moves) {
  const found = new Map();
  for (const move of moves) if (isOpen(move) && move.container) found.set(move.container, move);
  return found;
}

// What is wrong, the worst first: [severity, text, link].
export function findings({ nodes, states, configured, datasets, moves, now }) {
  const found = [];
  for (const node of nodes) {
    const to = `#/nodes/${node.host}`;
    if (node.away) found.push([0, `Node ${node.host} is away${node.away_since ? ` since ${ago(node.away_since, now)}` : ""}`, to]);
    const machine = node.machine ?? {};
    const free = percent(machine.storage_free_bytes, machine.storage_size_bytes);
    if (machine.storage_size_bytes && free < FREE_PERCENT)
      found.push([free < 5 ? 0 : 1, `The pool of ${node.host} has ${bytes(machine.storage_free_bytes)} free (${free.toFixed(0)} %)`, to]);
    const ends = node.certificate_expires_at;
    if (ends && ends - now < CERTIFICATE_DAYS * 86400)
      found.push([ends - now < 7 * 86400 ? 0 : 1, `The certificate of ${node.host} expires on ${day(ends)}`, to]);
    if (Math.abs(node.clock_offset_seconds ?? 0) > 5)
      found.push([1, `The clock of ${node.host} is off by ${seconds(Math.abs(node.clock_offset_seconds))}`, to]);
    for (const port of node.ports ?? []) if (port.error) found.push([1, `Port ${port.port} of ${node.host}: ${port.error}`, to]);
  }
  for (const state of states) {
    const to = `#/containers/${encodeURIComponent(state.name)}`;
    if (state.error) found.push([state.running ? 1 : 0, `Container ${state.name}: ${state.error}`, to]);
    else if (state.health === "unhealthy") found.push([0, `Container ${state.name} is unhealthy on ${state.host}`, to]);
  }
  const seen = new Set(states.map((each) => each.name));
  const missing = configured.filter((each) => !seen.has(each.name) && each.running !== false);
  if (missing.length)
    found.push([1, `${plural(missing.length, "container is", "containers are")} configured and not seen: ${missing.slice(0, 3).map((each) => each.name).join(", ")}${missing.length > 3 ? ", …" : ""}`, "#/containers"]);
  for (const dataset of datasets) {
    const to = `#/datasets/${dataset.dataset_id}`;
    if (dataset.claims) found.push([0, `Dataset ${dataset.dataset_id.slice(0, 8)} is claimed by ${dataset.claims.map((each) => each.host).join(", ")} without proof`, to]);
    if (dataset.error) found.push([1, `Dataset ${dataset.dataset_id.slice(0, 8)}: ${dataset.error}`, to]);
    for (const copy of dataset.copies ?? [])
      if (copy.rpo_seconds !== undefined && !(now - copy.snapshot_at <= 2 * copy.rpo_seconds))
        found.push([1, `The standby of ${dataset.dataset_id.slice(0, 8)} on ${copy.host} ${copy.snapshot_at ? `is ${seconds(now - copy.snapshot_at)} behind` : "has no copy yet"}`, to]);
  }
  for (const move of moves)
    if (isOpen(move) && move.error) found.push([1, `The move of ${move.container ?? "a dataset"} to ${move.to}: ${move.error}`, `#/moves/${move.move_id}`]);
  return found.sort((one, other) => one[0] - other[0]);
}

export function moveShare(move) {
  if (!isOpen(move)) return 100;
  if (["switching", "verifying"].includes(move.phase)) return 100;
  return move.expected_bytes ? percent(move.sent_bytes ?? 0, move.expected_bytes) : 0;
}
