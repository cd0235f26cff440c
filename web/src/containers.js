// The containers: a list with filters, and one container with its output and what can be done.

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { one, several, user } from "./store.js";
import { away, containers, moves, moving } from "./shared.js";
import { logsUrl, post, seg } from "./api.js";
import { containerState, datasetName } from "./derive.js";
import { bytes, plain, seconds } from "./format.js";
import { Action, Badge, Card, Confirm, containerLink, Empty, Facts, nodeLink, Problem, Rows } from "./parts.js";
import { MoveDialog } from "./movedialog.js";
import { FailoverDialog } from "./failover.js";

const TAIL_LINES = 200;
const SHOWN_CHARACTERS = 200000;

export function ContainersScreen() {
  const [word, setWord] = useState("");
  const [only, setOnly] = useState("");
  const named = word.toLowerCase();
  const rows = containers.value
    .filter((each) => (!named || `${each.name} ${each.image} ${each.host}`.toLowerCase().includes(named)) && (!only || each.state[0] === only));
  return html`<h1 tabindex="-1">Containers</h1>
    <div class="tools">
      <input type="search" placeholder="name, image or node" aria-label="Find a container" value=${word} onInput=${(event) => setWord(event.target.value.trim())} />
      <select aria-label="State" value=${only} onChange=${(event) => setOnly(event.target.value)}>
        <option value="">every state</option><option value="good">running</option><option value="bad">in trouble</option>
        <option value="busy">busy</option><option value="off">stopped or ended</option><option value="note">not seen</option></select>
      <span class="dim">${rows.length}</span>
    </div>
    <${Rows} label="Containers" items=${rows} keyOf=${(each) => each.name} empty=${word || only ? "Nothing is like that." : "No containers yet: flockerctl run IMAGE --on NODE starts one."}
      columns=${[["Container", "minmax(8rem,1.5fr)"], ["State", "minmax(7rem,1fr)"], ["Node", "minmax(7rem,1fr)"], ["Image", "minmax(8rem,1.5fr)"], ["Ports", "minmax(6rem,1fr)"]]}
      row=${(each) => [containerLink(each.name), html`<${Badge} state=${each.state} />`, nodeLink(each.host), html`<span title=${each.image}>${each.image}</span>`, ports(each)]} />`;
}

const ports = (each) => (each.ports ?? []).map((port) => `${port.external}→${port.internal}`).join(", ") || "–";

function Output({ name }) {
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(false);
  const [trouble, setTrouble] = useState("");
  const box = useRef(null);
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      try {
        const answer = await fetch(logsUrl(name, TAIL_LINES, follow), { signal: stop.signal });
        if (!answer.ok) return setTrouble((await answer.json()).description);
        setTrouble("");
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let known = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return undefined;
          known = (known + plain(value)).slice(-SHOWN_CHARACTERS);
          setText(known);
        }
      } catch (error) {
        if (error.name !== "AbortError") setTrouble("The output broke off.");
        return undefined;
      }
    };
    read();
    return () => stop.abort();
  }, [name, follow]);
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  return html`<${Card} id="output" title="Output" wide aside=${html`<label class="check"><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)} /> follow</label>`}>
    <${Problem}>${trouble}<//>
    ${!trouble && html`<pre ref=${box} class="output" tabindex="0" aria-label=${`Output of ${name}`}>${text || "It has written nothing."}</pre>`}
  <//>`;
}

function Actions({ container, state, move }) {
  const [dialog, setDialog] = useState("");
  if (!user.value.may_write) return null;
  const path = `/configuration/containers/${seg(container.name)}`;
  const stopped = container.running === false;
  const close = () => setDialog("");
  return html`<div class="actions">
    ${!move && html`<button type="button" class="primary" onClick=${() => setDialog("move")}>Move…</button>`}
    ${move && html`<a class="button primary" href=${`#/moves/${move.move_id}`}>Watch the move</a>`}
    ${stopped ? html`<${Action} work=${() => post(path, { running: true })} done=${`${container.name} is started`}>Start<//>`
      : html`<button type="button" onClick=${() => setDialog("stop")}>Stop…</button>
        <button type="button" onClick=${() => setDialog("restart")}>Restart…</button>`}
    ${state[0] === "bad" && html`<${Action} work=${() => post(`${path}/retry`, undefined)} done="it is tried again now">Try again<//>`}
    <button type="button" onClick=${() => setDialog("failover")}>Fail over…</button>
    ${dialog === "move" && html`<${MoveDialog} container=${container} close=${close} />`}
    ${dialog === "failover" && html`<${FailoverDialog} container=${container} close=${close} />`}
    ${dialog === "stop" && html`<${Confirm} title=${`Stop ${container.name}`} text="Its clients are cut off. Its data stays." agree="Stop" close=${close} work=${() => post(path, { running: false })} />`}
    ${dialog === "restart" && html`<${Confirm} title=${`Restart ${container.name}`} text="Its clients are cut off for a moment." agree="Restart" close=${close} work=${() => post(`${path}/restart`, undefined)} />`}
  </div>`;
}

export function ContainerScreen({ id }) {
  const container = one("configuration/containers", id);
  const reports = several("state/containers", id);
  if (!container && !reports.length) return html`<h1 tabindex="-1">${id}</h1><${Empty}>There is no container of this name. <a href="#/containers">All containers</a><//>`;
  const shown = container ?? reports[0];
  const move = moving.value.get(id);
  const state = containerState(container, reports, move, away.value.has(shown.host));
  const past = moves.value.filter((each) => each.container === id && each.receipt).sort((first, second) => second.ended_at - first.ended_at)[0];
  const volumes = shown.volumes ?? [];
  return html`<div class="title"><h1 tabindex="-1">${id}</h1><${Badge} state=${state} />
      ${container && html`<${Actions} container=${container} state=${state} move=${move} />`}</div>
    ${reports.map((each) => each.error && html`<${Problem}>${each.host}: ${each.error}<//>`)}
    <div class="columns">
      <${Card} id="where" title="What and where">
        <${Facts} of=${[["Node", nodeLink(shown.host)], ["Image", shown.image], ["Image digest", reports[0]?.image_digest && html`<span class="mono" title=${reports[0].image_digest}>${reports[0].image_digest.slice(0, 19)}…</span>`], ["Health", reports[0]?.health], ["Restarts", reports[0]?.restarts ?? 0], ["Exit code", reports[0]?.exit_code],
          ["Restart policy", shown.restart_policy?.name], ["Memory limit", shown.memory_limit && bytes(shown.memory_limit)], ["Application", shown.application?.name && html`<a href="#/applications">${shown.application.name}</a>`],
          ["Last pause", past?.pause_seconds !== undefined && html`<a href=${`#/moves/${past.move_id}`}>${seconds(past.pause_seconds)}</a>`]]} />
        ${reports[0]?.stays_behind && html`<p class="warn">Does not move along: ${reports[0].stays_behind.join(", ")}</p>`}
      <//>
      <${Card} id="ports" title="Ports and volumes">
        <table><thead><tr><th scope="col">On every node</th><th scope="col">In the container</th></tr></thead>
          <tbody>${(shown.ports ?? []).map((port) => html`<tr key=${port.external}><td>${port.external}${port.protocol ? `/${port.protocol}` : ""}</td><td>${port.internal}</td></tr>`)}
          ${!(shown.ports ?? []).length && html`<tr><td colspan="2" class="dim">no ports</td></tr>`}</tbody></table>
        <table><thead><tr><th scope="col">Dataset</th><th scope="col">At</th></tr></thead>
          <tbody>${volumes.map((each) => html`<tr key=${each.dataset_id}><td><a href=${`#/datasets/${each.dataset_id}`}>${datasetName(one("configuration/datasets", each.dataset_id), each.dataset_id)}</a></td><td>${each.mountpoint}</td></tr>`)}
          ${!volumes.length && html`<tr><td colspan="2" class="dim">no volumes</td></tr>`}</tbody></table>
      <//>
    </div>
    ${reports[0]?.last_output && html`<${Card} id="last" title="Its last words" wide><pre class="output" tabindex="0">${plain(reports[0].last_output.join("\n"))}</pre><//>`}
    ${user.value.sees_secrets ? html`<${Output} name=${id} />` : html`<${Card} id="output" title="Output" wide><${Empty}>Your certificate does not show what containers write.<//><//>`}`;
}
