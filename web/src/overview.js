// The overview: what is wrong first, then what is there.

import { html } from "htm/preact";
import { all, release } from "./store.js";
import { away, byNode, configured, moves, nodes, wrong } from "./shared.js";
import { isOpen, moveShare, moveState, nodeState } from "./derive.js";
import { bytes, day, plural, seconds } from "./format.js";
import { Badge, Card, Empty, Meter, nodeLink } from "./parts.js";

const FINDINGS_MAX = 12;
const NODES_MAX = 60;
const DOTS_MAX = 60;

function Wrong({ found }) {
  if (!found.length) return html`<div class="card fine" role="status"><strong>Nothing is wrong.</strong> All nodes are here, and everything runs as it should.</div>`;
  const severe = found.filter((each) => each[0] === 0).length;
  return html`<${Card} id="wrong" title=${severe ? `${severe} ${severe === 1 ? "thing needs" : "things need"} you` : "Worth a look"} wide>
    <ul class="findings">${found.slice(0, FINDINGS_MAX).map(([severity, text, to]) => html`
      <li class=${severity ? "note" : "bad"}><a href=${to}>${text}</a></li>`)}</ul>
    ${found.length > FINDINGS_MAX && html`<p class="dim">and ${found.length - FINDINGS_MAX} more</p>`}
  <//>`;
}

export function NodeCard({ node, containers }) {
  const machine = node.machine ?? {};
  const used = (machine.storage_size_bytes ?? 0) - (machine.storage_free_bytes ?? 0);
  const memory = (machine.memory_size_bytes ?? 0) - (machine.memory_free_bytes ?? 0);
  return html`<article class="card node">
    <header><h3>${nodeLink(node.host)}</h3><${Badge} state=${nodeState(node)} /></header>
    ${machine.storage_size_bytes ? html`<${Meter} label="Pool" value=${used} of=${machine.storage_size_bytes} text=${`${bytes(machine.storage_free_bytes)} free`} />` : html`<p class="dim">nothing is known of its machine</p>`}
    ${machine.memory_size_bytes && html`<${Meter} label="Memory" value=${memory} of=${machine.memory_size_bytes} text=${`${bytes(machine.memory_free_bytes)} free`} />`}
    <div class="dots" aria-label=${plural(containers.length, "container")} role="group">
      ${containers.slice(0, DOTS_MAX).map(({ name, state }) => html`<a class=${`dot ${state[0]}`} href=${`#/containers/${encodeURIComponent(name)}`} title=${`${name}: ${state[1]}`} aria-label=${`${name}: ${state[1]}`}></a>`)}
      ${containers.length > DOTS_MAX && html`<span class="dim">+${containers.length - DOTS_MAX}</span>`}
      ${!containers.length && html`<span class="dim">no containers</span>`}
    </div>
  </article>`;
}

export function MoveLine({ move }) {
  return html`<li><a class="move-line" href=${`#/moves/${move.move_id}`}>
    <span><strong>${move.container ?? move.dataset_id?.slice(0, 8)}</strong> ${move.from} → ${move.to}</span>
    <${Badge} state=${moveState(move)} />
    <span class="bar"><i class="busy" style=${{ width: `${moveShare(move)}%` }}></i></span>
    <span class="dim">${move.eta_seconds !== undefined ? `${seconds(move.eta_seconds)} left` : ""}</span>
  </a></li>`;
}

export function Overview() {
  const open = moves.value.filter(isOpen);
  const there = nodes.value;
  const running = all("state/containers").filter((each) => each.running && !away.value.has(each.host)).length;
  const ends = Math.min(...there.map((each) => each.certificate_expires_at ?? Infinity));
  return html`<h1 tabindex="-1">Overview</h1>
    <${Wrong} found=${wrong.value} />
    <div class="tiles">
      <a class="tile" href="#/nodes"><b>${there.length - away.value.size}<small> of ${there.length}</small></b>nodes here</a>
      <a class="tile" href="#/containers"><b>${running}<small> of ${configured.value.length}</small></b>containers run</a>
      <a class="tile" href="#/moves"><b>${open.length}</b>moves under way</a>
      <a class="tile" href="#/datasets"><b>${all("configuration/datasets").filter((each) => !each.deleted).length}</b>datasets</a>
      <a class="tile" href="#/settings"><b>${ends < Infinity ? day(ends) : "–"}</b>first certificate ends</a>
      <a class="tile" href="#/settings"><b>${release.value}</b>release of the leader</a>
    </div>
    ${open.length > 0 && html`<${Card} id="moves" title="Moves under way" wide><ul class="plain">${open.map((move) => html`<${MoveLine} move=${move} key=${move.move_id} />`)}</ul><//>`}
    <h2 class="section">Nodes</h2>
    ${!there.length && html`<${Empty}>No agent has connected yet. Install one on a machine: <a href="docs/install.html">how to</a>.<//>`}
    <div class="grid">${there.slice(0, NODES_MAX).map((node) => html`<${NodeCard} node=${node} containers=${byNode.value.get(node.host) ?? []} key=${node.uuid} />`)}</div>
    ${there.length > NODES_MAX && html`<p><a href="#/nodes">All ${there.length} nodes</a></p>`}`;
}
