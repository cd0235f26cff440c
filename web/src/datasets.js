// The datasets: a list, one dataset with its copies, and what was set aside.

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { all, clock, history, keep, one, several, user } from "./store.js";
import { del, seg } from "./api.js";
import { datasetName } from "./derive.js";
import { bytes, day, inOrder, seconds } from "./format.js";
import { Badge, Card, Confirm, containerLink, Empty, Facts, nodeLink, Problem, Rows } from "./parts.js";
import { Chart } from "./chart.js";

function users() {
  const found = new Map();
  for (const each of all("configuration/containers")) for (const volume of each.volumes ?? []) found.set(volume.dataset_id, each.name);
  return found;
}

function stateOf(dataset, reports) {
  const primary = reports.find((each) => each.primary);
  if (dataset.deleted) return ["off", "being deleted"];
  if (reports.some((each) => each.claims)) return ["bad", "claimed"];
  if (reports.some((each) => each.error)) return ["bad", "error"];
  if (!primary) return ["note", "not seen"];
  return primary.primary === dataset.primary ? ["good", "there"] : ["busy", `on ${primary.primary}`];
}

const copiesOf = (reports) => reports.flatMap((each) => each.copies ?? []);

export function DatasetsScreen() {
  const [word, setWord] = useState("");
  const used = users();
  all("state/datasets");
  const rows = all("configuration/datasets")
    .map((each) => ({ ...each, name: datasetName(each, each.dataset_id), reports: several("state/datasets", each.dataset_id), by: used.get(each.dataset_id) }))
    .filter((each) => (!each.deleted || each.reports.length) && (!word || `${each.name} ${each.dataset_id} ${each.by} ${each.primary}`.toLowerCase().includes(word.toLowerCase())))
    .sort((first, second) => inOrder(first.name, second.name));
  return html`<h1 tabindex="-1">Datasets</h1>
    <div class="tools"><input type="search" placeholder="name, id, container or node" aria-label="Find a dataset" value=${word} onInput=${(event) => setWord(event.target.value.trim())} /><span class="dim">${rows.length}</span></div>
    <${Rows} label="Datasets" items=${rows} keyOf=${(each) => each.dataset_id} empty="No datasets: flockerctl run -v NAME:/path makes one."
      columns=${[["Dataset", "minmax(8rem,1.4fr)"], ["State", "minmax(6rem,1fr)"], ["Primary", "minmax(7rem,1fr)"], ["Used by", "minmax(7rem,1fr)"], ["Copies", "minmax(6rem,1fr)"], ["Limit", "6rem"]]}
      row=${(each) => [html`<a href=${`#/datasets/${each.dataset_id}`}>${each.name}</a>`, html`<${Badge} state=${stateOf(each, each.reports)} />`, nodeLink(each.primary), containerLink(each.by) ?? html`<span class="dim">nobody</span>`,
        copiesOf(each.reports).length || "–", each.maximum_size ? bytes(each.maximum_size) : "none"]} />
    <${Asides} />`;
}

function Asides({ of }) {
  const [asked, setAsked] = useState(null);
  const asides = all("state/set_aside").filter((each) => !of || each.dataset_id === of);
  if (!asides.length && of) return null;
  return html`<${Card} id="asides" title="Set aside" wide>
    <p class="dim">Copies that nobody else has the data of. They stay until somebody deletes them.</p>
    ${asides.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Table: Set-aside copies"><table><thead><tr><th scope="col">Name</th><th scope="col">Node</th><th scope="col">Why</th><th scope="col">Since</th><th scope="col">Frees</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
      <tbody>${asides.map((each) => html`<tr key=${each.name + each.host}><td class="mono">${each.name}<${Problem}>${each.error}<//></td><td>${nodeLink(each.host)}</td><td>${each.reason}</td><td>${day(each.since)}</td><td>${bytes(each.bytes)}</td>
        <td>${each.deleting ? "deleting" : user.value.may_write && html`<button type="button" class="danger" onClick=${() => setAsked(each)}>Delete…</button>`}</td></tr>`)}</tbody></table></div>`
      : html`<${Empty}>Nothing is set aside.<//>`}
    ${asked && html`<${Confirm} title="Delete it for good" agree="Delete it" close=${() => setAsked(null)} text=${`${asked.name} on ${asked.host} has data that nobody else has. This cannot be undone.`}
      work=${() => del(`/state/set_aside/${seg(asked.name)}?host=${seg(asked.host)}`)} />`}
  <//>`;
}

const SAMPLE_SECONDS = 2;

// The service says when a snapshot was taken; how long ago that is grows while one looks.
const lag = (copy) => (copy.snapshot_at === undefined ? undefined : Math.max(0, clock.value - copy.snapshot_at));

function drop(id, copy) {
  return del(`/configuration/datasets/${seg(id)}/copies/${seg(copy.host)}`);
}

function Copies({ id, copies }) {
  const [asked, setAsked] = useState(null);
  useEffect(() => {
    const timer = setInterval(() => copies.forEach((each) => keep(`copy ${id} ${each.host}`, lag(each))), SAMPLE_SECONDS * 1000);
    return () => clearInterval(timer);
  }, [copies]);
  if (!copies.length) return null;
  return html`<${Card} id="copies" title="Copies" wide>
    <div class="scroll" tabindex="0" role="region" aria-label="Table: Copies"><table><thead><tr><th scope="col">Node</th><th scope="col">Role</th><th scope="col">Epoch</th><th scope="col">Behind by</th><th scope="col">Accepted</th><th scope="col">Now</th><th scope="col">Size</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
      <tbody>${copies.map((each) => html`<tr key=${each.host}><td>${nodeLink(each.host)}</td><td>${each.role}</td><td>${each.epoch ?? "–"}</td><td>${each.rpo_seconds === undefined ? seconds(lag(each)) : html`<${Badge} state=${lag(each) <= each.rpo_seconds ? ["good", seconds(lag(each))] : ["bad", lag(each) === undefined ? "no copy yet" : seconds(lag(each))]} />`}</td>
        <td>${seconds(each.rpo_seconds)}</td><td>${each.phase ?? ""}<${Problem}>${each.error}<//></td><td>${bytes(each.size_bytes)}</td>
        <td>${each.dropping ? "being dropped" : each.can_be_dropped && user.value.may_write ? html`<button type="button" class="danger" onClick=${() => setAsked(each)}>Drop…</button>` : ""}</td></tr>`)}</tbody></table></div>
    ${copies.map((each) => {
      const lags = history.get(`copy ${id} ${each.host}`) ?? [];
      return lags.length > 1 && each.role === "standby" && html`<h3>${each.host}, behind by</h3><${Chart} points=${lags} label=${`behind at ${each.host}`} unit="s" />`;
    })}
    ${asked && html`<${Confirm} title="Drop the copy" agree="Drop it" close=${() => setAsked(null)} text=${`The copy on ${asked.host} is destroyed. Others stay.`} work=${() => drop(id, asked)} />`}
  <//>`;
}

export function DatasetScreen({ id }) {
  const dataset = one("configuration/datasets", id);
  const reports = several("state/datasets", id);
  if (!dataset && !reports.length) return html`<h1 tabindex="-1">${id}</h1><${Empty}>There is no such dataset. <a href="#/datasets">All datasets</a><//>`;
  const shown = dataset ?? {};
  const moves = all("state/moves").filter((each) => (each.dataset_ids ?? [each.dataset_id]).includes(id)).slice(0, 5);
  return html`<div class="title"><h1 tabindex="-1">${datasetName(shown, id)}</h1><${Badge} state=${stateOf(shown, reports)} /></div>
    ${reports.map((each) => html`<${Problem}>${each.error}<//>`)}
    ${reports.map((each) => each.warning && html`<p class="warn">${each.warning}</p>`)}
    ${reports.flatMap((each) => each.claims ?? []).map((each) => html`<${Problem}>${each.host} claims it as of epoch ${each.epoch}: ${each.reason}<//>`)}
    <${Card} id="facts" title="What and where" wide><${Facts} of=${[["Id", html`<span class="mono">${id}</span>`], ["Primary", nodeLink(shown.primary)], ["Used by", containerLink(users().get(id))], ["Limit", shown.maximum_size ? bytes(shown.maximum_size) : "none"], ["Path", reports[0]?.path],
      ["Standbys asked for", shown.replicas && (shown.replicas.nodes?.join(", ") || shown.replicas.count)], ...Object.entries(shown.metadata ?? {}).map(([key, value]) => [`metadata ${key}`, String(value)])]} /><//>
    <${Copies} id=${id} copies=${copiesOf(reports)} />
    ${moves.length > 0 && html`<${Card} id="moves" title="Its moves" wide><ul class="plain">${moves.map((each) => html`<li key=${each.move_id}><a href=${`#/moves/${each.move_id}`}>${each.from} → ${each.to}</a> ${each.phase}</li>`)}</ul><//>`}
    <${Asides} of=${id} />`;
}
