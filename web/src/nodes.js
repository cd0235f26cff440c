// The nodes: a list, and one node with what is on it.

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { all, clock, user } from "./store.js";
import { byNode, moves as known, nodes as nodesInOrder } from "./shared.js";
import { del, get, post } from "./api.js";
import { isOpen, nodeState } from "./derive.js";
import { ago, bytes, day, percent, seconds } from "./format.js";
import { Action, Ago, Badge, Card, Confirm, containerLink, Empty, Facts, Meter, nodeLink, Problem, Rows } from "./parts.js";
import { MoveLine } from "./overview.js";

export function NodesScreen() {
  const [word, setWord] = useState("");
  const nodes = nodesInOrder.value.filter((each) => each.host.includes(word));
  return html`<h1 tabindex="-1">Nodes</h1>
    <div class="tools"><input type="search" placeholder="address" aria-label="Find a node" value=${word} onInput=${(event) => setWord(event.target.value.trim())} /></div>
    <${Rows} label="Nodes" keyOf=${(node) => node.uuid} items=${nodes} empty="No node has this address."
      columns=${[["Node", "minmax(8rem,1.4fr)"], ["State", "minmax(6rem,1fr)"], ["Containers", "6rem"], ["Pool free", "minmax(6rem,1fr)"], ["Memory free", "minmax(6rem,1fr)"], ["Load", "4rem"], ["Release", "6rem"]]}
      row=${(node) => [nodeLink(node.host), html`<${Badge} state=${nodeState(node)} />`, (byNode.value.get(node.host) ?? []).length,
        bytes(node.machine?.storage_free_bytes), bytes(node.machine?.memory_free_bytes), node.machine?.load ?? "–", node.machine?.release ?? "–"]} />
    <${Forgotten} />`;
}

function Forgotten() {
  const [asked, setAsked] = useState(null);
  const forgotten = all("state/forgotten_nodes").sort((one, other) => other.forgotten_at - one.forgotten_at);
  if (!forgotten.length) return null;
  return html`<${Card} id="forgotten" title="Forgotten nodes" wide>
    <p class="dim">They are refused when they come back, and run nothing of the cluster.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Table: Forgotten nodes"><table><thead><tr><th scope="col">Last address</th><th scope="col">Forgotten</th><th scope="col">Last tried to come in</th><th scope="col">UUID</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
      <tbody>${forgotten.map((each) => html`<tr key=${each.uuid}><td>${each.host}</td><td><${Ago} at=${each.forgotten_at} /></td><td>${each.knocked_at ? html`<${Ago} at=${each.knocked_at} />` : "–"}</td><td class="mono">${each.uuid}</td>
        <td>${user.value.may_write && html`<button type="button" onClick=${() => setAsked(each)}>Readmit…</button>`}</td></tr>`)}</tbody></table></div>
    ${asked && html`<${Confirm} title=${`Readmit ${asked.host}`} agree="Readmit" close=${() => setAsked(null)} text="The node may come back, with the copies that it still has. Nothing starts there until it is asked for."
      work=${() => post(`/configuration/nodes/${asked.uuid}`, { forgotten: false })} />`}
  <//>`;
}

function Doctor({ node }) {
  const [found, setFound] = useState(null);
  const look = async () => setFound((await get(`/state/nodes/${node.uuid}/doctor`)).body);
  const findings = found?.findings ?? [];
  return html`<${Card} id="doctor" title="Doctor" aside=${html`<${Action} work=${look}>Examine<//>`}>
    ${!found && html`<p class="dim">The agent looks at its pool, Docker, the firewall, sshd, ports and clocks.</p>`}
    ${found && !findings.length && html`<p>Nothing was found.</p>`}
    <ul class="findings">${findings.map((each) => html`<li class=${each.severe ? "bad" : "note"}>
      ${each.text}<br /><span class="dim">${each.remedy}</span></li>`)}</ul>
  <//>`;
}

function Drain({ node, configured }) {
  const drain = configured?.drain;
  if (!drain) return null;
  const items = drain.items;
  const all = items.length + drain.left;
  const done = items.filter((each) => each.phase === "done").length;
  return html`<${Card} id="drain" title="Drain" wide>
    <div class="bar tall" role="img" aria-label=${`${done} of ${all} have left`}><i class="busy" style=${{ width: `${percent(done, all)}%` }}></i></div>
    <p>${done} of ${all} have left${drain.ended_at ? "; the drain is over" : ""}.</p>
    <ul class="plain">${items.filter((each) => each.error).map((each) => html`<li>${(each.containers ?? [each.dataset_id]).join(", ")}<${Problem}>${each.error}<//></li>`)}</ul>
  <//>`;
}

function Actions({ node }) {
  const [asked, setAsked] = useState(false);
  if (!user.value.may_write) return null;
  const path = `/configuration/nodes/${node.host}`;
  const open = node.schedulable !== false;
  return html`<div class="actions">
    ${open ? html`<${Action} work=${() => post(path, { schedulable: false })} done=${`${node.host} takes nothing new`}>Cordon<//>`
      : html`<${Action} work=${() => post(path, { schedulable: true })} done=${`${node.host} takes containers again`}>Uncordon<//>`}
    ${node.draining ? html`<${Action} work=${() => del(`${path}/drain`)} done="no more moves begin">Stop the drain<//>`
      : html`<button type="button" onClick=${() => setAsked(true)} disabled=${node.away}>Drain…</button>`}
    ${asked && html`<${Confirm} title=${`Drain ${node.host}`} agree="Drain" close=${() => setAsked(false)} work=${() => post(`${path}/drain`)}
      text="Everything on this node moves to other nodes, two at a time. Nothing new is put here until you uncordon it." />`}
  </div>`;
}

export function NodeScreen({ id }) {
  const node = all("state/nodes").find((each) => each.host === id || each.uuid === id);
  if (!node) return html`<h1 tabindex="-1">${id}</h1><${Empty}>There is no such node. <a href="#/nodes">All nodes</a><//>`;
  const configured = all("configuration/nodes").find((each) => each.uuid === node.uuid || each.host === node.host);
  const moves = known.value;
  const containers = byNode.value.get(node.host) ?? [];
  const machine = node.machine ?? {};
  const here = moves.filter((each) => isOpen(each) && (each.from === node.host || each.to === node.host));
  const asides = all("state/set_aside").filter((each) => each.host === node.host);
  return html`<div class="title"><h1 tabindex="-1">${node.host}</h1><${Badge} state=${nodeState(node)} /><${Actions} node=${node} /></div>
    ${node.away && html`<${Problem}>Its agent is not connected${node.away_since ? `, since ${ago(node.away_since, clock.value)}` : ""}. What is shown of it is what it told last.<//>`}
    <div class="columns">
      <${Card} id="machine" title="Machine">
        ${machine.storage_size_bytes && html`<${Meter} label="Pool" value=${machine.storage_size_bytes - machine.storage_free_bytes} of=${machine.storage_size_bytes} text=${`${bytes(machine.storage_free_bytes)} of ${bytes(machine.storage_size_bytes)} free`} />`}
        ${machine.memory_size_bytes && html`<${Meter} label="Memory" value=${machine.memory_size_bytes - machine.memory_free_bytes} of=${machine.memory_size_bytes} text=${`${bytes(machine.memory_free_bytes)} of ${bytes(machine.memory_size_bytes)} free`} />`}
        <${Facts} of=${[["Load", machine.load], ["System", machine.system], ["Kernel", machine.kernel], ["Storage", machine.storage], ["Up since", machine.booted_at && html`<${Ago} at=${machine.booted_at} />`],
          ["Agent's last words", machine.told_at && html`<${Ago} at=${machine.told_at} />`], ["Release", machine.release], ["Protocol", node.protocol], ["Allows", node.allow?.join(", ")],
          ["Certificate ends", node.certificate_expires_at && day(node.certificate_expires_at)], ["Clock off by", node.clock_offset_seconds !== undefined && seconds(Math.abs(node.clock_offset_seconds))], ["UUID", node.uuid]]} />
      <//>
      <${Card} id="ports" title="Ports">
        ${node.ports?.length ? html`<table><thead><tr><th scope="col">Port</th><th scope="col">Held</th><th scope="col">Held in all</th><th scope="col">Refused</th></tr></thead>
          <tbody>${node.ports.map((port) => html`<tr key=${port.port}><td>${port.port}${port.protocol ? `/${port.protocol}` : ""}</td><td>${port.held}</td><td>${port.held_total}</td><td class=${port.refused_total ? "warn" : ""}>${port.refused_total}</td></tr>
            ${port.error && html`<tr><td colspan="4"><${Problem}>${port.error}<//></td></tr>`}`)}</tbody></table>` : html`<${Empty}>No connection has waited or been refused here.<//>`}
      <//>
    </div>
    <${Drain} node=${node} configured=${configured} />
    ${here.length > 0 && html`<${Card} id="moves" title="Moves" wide><ul class="plain">${here.map((move) => html`<${MoveLine} move=${move} key=${move.move_id} />`)}</ul><//>`}
    <${Card} id="containers" title=${`Containers (${containers.length})`} wide>
      ${containers.length ? html`<ul class="chips">${containers.slice(0, 500).map(({ name, state }) => html`<li key=${name}>${containerLink(name)} <${Badge} state=${state} /></li>`)}</ul>` : html`<${Empty}>Nothing is configured here.<//>`}
    <//>
    ${asides.length > 0 && html`<${Card} id="asides" title="Set aside here" wide><ul class="plain">${asides.map((each) => html`<li>${each.name} <span class="dim">${bytes(each.bytes)}</span></li>`)}</ul><p><a href="#/datasets">Datasets</a> has what can be done.</p><//>`}
    <${Doctor} node=${node} />`;
}
